// Tries to get out of a sandbox, one way a line: NAME ALLOWED, or NAME DENIED and why.
// Static, so that it runs in any root tree. Both modes must print the same.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char buffer[1 << 20];

static void row(const char *name, int failed) {
    if (failed) printf("%s DENIED %s\n", name, strerrorname_np(errno));
    else printf("%s ALLOWED\n", name);
}

// Where the reason depends on the mode or the kernel.
static void refused(const char *name, int status) { printf("%s %s\n", name, status == -1 ? "DENIED" : "ALLOWED"); }

static void number(const char *name, long value) { printf("%s %ld\n", name, value); }

// ---- System calls: each fails with EPERM by the filter, or with something else where the filter lets it pass.

#define CALL(name, ...) row(#name, syscall(SYS_##name, ##__VA_ARGS__) == -1)

static void system_calls(void) {
    CALL(add_key, "user", "probe", "x", 1, -3);
    CALL(keyctl, 0, -3, 0);
    CALL(request_key, "user", "probe", NULL, -3);
    CALL(io_uring_setup, 1, buffer);
    CALL(userfaultfd, 0);
    CALL(ptrace, PTRACE_TRACEME, 0, 0, 0);
    CALL(process_vm_readv, 1, NULL, 0, NULL, 0, 0);
    CALL(process_vm_writev, 1, NULL, 0, NULL, 0, 0);
    CALL(kcmp, 1, 1, 0, 0, 0);
    CALL(bpf, 0, NULL, 0);
    CALL(perf_event_open, NULL, 0, -1, -1, 0);
    CALL(name_to_handle_at, AT_FDCWD, "/", NULL, NULL, 0);
    CALL(open_by_handle_at, AT_FDCWD, NULL, 0);
    CALL(mount, "none", "/tmp", "tmpfs", 0, NULL);
    CALL(umount2, "/proc", 2);
    CALL(fsopen, "tmpfs", 0);
    CALL(open_tree, AT_FDCWD, "/", 1);
    CALL(move_mount, 0, "", 0, "", 0);
    CALL(mount_setattr, AT_FDCWD, "/", 0, NULL, 0);
    CALL(pivot_root, "/", "/");
    CALL(chroot, "/tmp");
    CALL(setns, 0, 0);
    CALL(unshare, CLONE_NEWUSER);
    CALL(unshare, CLONE_NEWNS);
    CALL(clone3, NULL, 0);
    CALL(fallocate, 1, 1, 0L, 4096L);
    CALL(syslog, 3, buffer, sizeof buffer);
    CALL(reboot, 0, 0, 0, NULL);
    CALL(init_module, NULL, 0, "");
    CALL(kexec_load, 0, 0, NULL, 0);
    CALL(swapon, "/tmp/x", 0);
    CALL(sethostname, "probe", 5);
    CALL(clock_settime, 0, NULL);
    CALL(fanotify_init, 0, 0);
    CALL(mbind, NULL, 0, 0, NULL, 0, 0);
    CALL(personality, 0x0400000);
    refused("setuid", setuid(0));
    row("clone_newuser", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL) == -1);
    row("unknown_call", syscall(9999) == -1);
    row("tiocsti", ioctl(0, TIOCSTI, "x") == -1);
    row("tiocsti_upper_half", syscall(SYS_ioctl, 0, TIOCSTI | 1UL << 32, "x") == -1);
    row("tioclinux", ioctl(0, TIOCLINUX, "\3") == -1);
    row("set_room_aside", ioctl(0, 0x40305828UL, buffer) == -1); // FS_IOC_RESVSP
    row("raise_priority", setpriority(PRIO_PROCESS, 0, -20) == -1);
    row("raise_limit", setrlimit(RLIMIT_NOFILE, &(struct rlimit){1 << 20, 1 << 20}) == -1);
}

// ---- What the filter kills

#if defined(__x86_64__)
static void i386_call(void) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory"); // getpid
}
static void x32_call(void) {
    if (syscall(0x40000000 | SYS_getpid) == -1) _exit(errno);
}
#endif

static void killed(const char *name, void (*attempt)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        attempt();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) printf("%s KILLED %d\n", name, WTERMSIG(status));
    else if (WEXITSTATUS(status)) printf("%s DENIED %s\n", name, strerrorname_np(WEXITSTATUS(status)));
    else printf("%s ALLOWED\n", name);
}

// ---- Sockets and the network

static void a_socket(const char *name, int family, int type, int protocol) {
    int fd = socket(family, type, protocol);
    row(name, fd == -1);
    if (fd != -1) close(fd);
}

static void reach(const char *name, const char *address, int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &to.sin_addr);
    int failed = connect(fd, (struct sockaddr *)&to, sizeof to) == -1;
    if (failed && errno == EINPROGRESS && poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 1000) == 1) {
        int error = 0;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
        errno = error;
        failed = error != 0;
    }
    row(name, failed);
    close(fd);
}

static void network(void) {
    a_socket("socket_unix", AF_UNIX, SOCK_STREAM, 0);
    a_socket("socket_inet", AF_INET, SOCK_STREAM, 0);
    a_socket("socket_inet6", AF_INET6, SOCK_STREAM, 0);
    a_socket("socket_netlink_route", AF_NETLINK, SOCK_RAW, 0);
    a_socket("socket_netlink_audit", AF_NETLINK, SOCK_RAW, 9);
    a_socket("socket_packet", AF_PACKET, SOCK_RAW, 0);
    a_socket("socket_raw", AF_INET, SOCK_RAW, 1);
    a_socket("socket_vsock", 40, SOCK_STREAM, 0);
    a_socket("socket_alg", 38, SOCK_SEQPACKET, 0);
    a_socket("socket_bluetooth", 31, SOCK_RAW, 1);
    reach("host_loopback", "127.0.0.1", atoi(getenv("PROBE_PORT")));
    reach("metadata_service", "169.254.169.254", 80);
    reach("internet", "1.1.1.1", 443);
    reach("docker_bridge", "172.17.0.1", 22);

    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *name = getenv("PROBE_ABSTRACT");
    strncpy(to.sun_path + 1, name, sizeof to.sun_path - 2);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    row("host_abstract_socket", connect(fd, (struct sockaddr *)&to, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)) == -1);
    close(fd);

    struct if_nameindex *all = if_nameindex(), *each = all;
    long others = 0;
    for (; each && each->if_index; each++) others += strcmp(each->if_name, "lo") != 0;
    number("interfaces_besides_lo", others);
}

// ---- Files

static void write_to(const char *name, const char *path, int flags) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
    row(name, fd == -1);
    if (fd != -1) close(fd);
}

static long entries(const char *path) {
    DIR *directory = opendir(path);
    long count = 0;
    if (!directory) return -1;
    for (struct dirent *entry; (entry = readdir(directory));) count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

// What kernels have differs; what is to be read of it does not.
static void read_from(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd == -1 ? 0 : read(fd, buffer, sizeof buffer);
    printf("%s %s\n", path, length > 0 || entries(path) > 0 ? "READ" : "NOTHING");
    close(fd);
}


// Mebibytes until it is full, up to 200.
static void fill(const char *name, const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    long mebibytes = 0;
    while (mebibytes < 200 && write(fd, buffer, sizeof buffer) == sizeof buffer) mebibytes++;
    printf("%s %ld MiB then %s\n", name, mebibytes, mebibytes < 200 ? strerrorname_np(errno) : "more");
    close(fd);
    unlink(path);
}

static void files(void) {
    const char *directories[] = {"", "/usr", "/usr/bin", "/etc", "/run", "/mnt", "/opt", "/sys", "/proc", "/work", "/tmp", "/dev/shm"};
    for (unsigned i = 0; i < sizeof directories / sizeof *directories; i++) {
        char name[64], path[64];
        snprintf(name, sizeof name, "create_in:%s/", directories[i]);
        snprintf(path, sizeof path, "%s/probe-new", directories[i]);
        write_to(name, path, O_CREAT | O_EXCL);
    }
    refused("create_in:/dev/", open("/dev/probe-new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    fill("tmp_size", "/tmp/full");
    fill("shm_size", "/dev/shm/full");
    row("make_device", mknod("/tmp/device", S_IFBLK | 0600, 0xfe00) == -1);
    row("remount_shim", rename("/run/shim", "/run/other") == -1);
    write_to("sysctl_swappiness", "/proc/sys/vm/swappiness", 0);
    write_to("sysctl_core_pattern", "/proc/sys/kernel/core_pattern", 0);
    write_to("sysctl_hostname", "/proc/sys/kernel/hostname", 0);
    refused("sysrq_trigger", open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC));
    write_to("irq_affinity", "/proc/irq/default_smp_affinity", 0);
    const char *masked[] = {"/proc/keys", "/proc/timer_list", "/proc/kcore", "/proc/acpi", "/proc/scsi", "/sys"};
    for (unsigned i = 0; i < sizeof masked / sizeof *masked; i++) read_from(masked[i]);
    const char *absent[] = {
        "/proc/kmsg", "/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/fuse", "/dev/kvm", "/dev/tty", "/home", "/root",
        "/oldroot", "/newroot", "/var/run/docker.sock", "/run/docker.sock", "/run/dbus/system_bus_socket", "/etc/shadow",
        "/etc/machine-id", "/work/link-to-host", "/proc/1/root/etc/shadow", "/proc/self/cwd/../etc/shadow",
    };
    for (unsigned i = 0; i < sizeof absent / sizeof *absent; i++) read_from(absent[i]);
}

// ---- Itself and the others

static int holds(const char *path, const char *needle) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd == -1 ? 0 : read(fd, buffer, sizeof buffer);
    close(fd);
    return length > 0 && memmem(buffer, length, needle, strlen(needle)) != NULL;
}

static void status(void) {
    const char *shown[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"};
    FILE *file = fopen("/proc/self/status", "r");
    for (char line[512]; fgets(line, sizeof line, file);)
        for (unsigned i = 0; i < sizeof shown / sizeof *shown; i++)
            if (!strncmp(line, shown[i], strlen(shown[i])) && line[strlen(shown[i])] == ':') fputs(line, stdout);
    fclose(file);
}

static void processes(void) {
    row("is_root", getuid() == 0 ? 0 : (errno = EPERM, 1));
    status();
    gid_t groups[64];
    long others = 0;
    for (int i = getgroups(64, groups); i-- > 0;) others += groups[i] != getgid() && groups[i] != 65534;
    number("groups_of_others", others); // what has no number inside shows as 65534
    struct rlimit core;
    getrlimit(RLIMIT_CORE, &core);
    number("core_limit", core.rlim_max);
    number("descriptors_besides_stdio", entries("/proc/self/fd") - 4); // 0, 1, 2 and the listing itself
    const char *needles[] = {"PROBE_CANARY", "--ro-bind", "--setenv", "/var/", "/tmp/"};
    for (unsigned i = 0; i < sizeof needles / sizeof *needles; i++) {
        printf("pid1_environ:%s %s\n", needles[i], holds("/proc/1/environ", needles[i]) ? "FOUND" : "ABSENT");
        printf("pid1_cmdline:%s %s\n", needles[i], holds("/proc/1/cmdline", needles[i]) ? "FOUND" : "ABSENT");
    }
    refused("rewrite_pid1", open("/proc/1/exe", O_WRONLY | O_CLOEXEC));
    long foreign = 0;
    for (int pid = 1; pid < 65536; pid++) {
        char path[32];
        snprintf(path, sizeof path, "/proc/%d/comm", pid);
        foreign += access(path, F_OK) == 0 && !holds(path, "probe") && !holds(path, "bwrap") && !holds(path, "shim");
    }
    number("foreign_processes", foreign);
    gethostname(buffer, sizeof buffer);
    printf("hostname %s\n", buffer);
}

int main(void) {
    system_calls();
#if defined(__x86_64__)
    killed("i386_call", i386_call);
    killed("x32_call", x32_call);
#endif
    network();
    files();
    processes();
    return 0;
}
