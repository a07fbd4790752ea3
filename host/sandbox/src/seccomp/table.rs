//! The table. It starts from the Docker Engine's own list and leaves out what reaches the host's kernel beyond the
//! workload: tracing, keys, mounts, namespaces, io_uring, bpf, handles to files, the clock.

use super::rule::{Condition, ENOSYS, EOPNOTSUPP, INT, Rule, Syscall, Verdict, none_of};

/// The calls of this processor by their names in libc.
macro_rules! syscalls {
    ($($name:ident),* $(,)?) => {
        [$(Syscall::new(libc::$name, stringify!($name))),*]
    };
}

/// Every rule; the order does not matter.
pub(super) fn rules() -> Vec<Rule> {
    let mut rules = vec![allow(always()), allow(of_this_processor())];
    rules.push(answer(&syscalls![SYS_clone3], ENOSYS));
    // It sets room aside that no file's size tells of. As on a file system that has no such thing, a C library writes
    // the file's blocks instead.
    rules.push(answer(&syscalls![SYS_fallocate], EOPNOTSUPP));
    // They write what everybody on the machine has not yet written, and whoever wants its own on the disk has fsync(2).
    rules.push(answer(&syscalls![SYS_sync, SYS_syncfs], 0));
    rules.extend(processes());
    rules.extend(sockets());
    rules.extend(requests());
    rules
}

fn allow(syscalls: Vec<Syscall>) -> Rule {
    Rule { syscalls, when: vec![], verdict: Verdict::Allow }
}

fn answer(syscall: &[Syscall], errno: u16) -> Rule {
    Rule { syscalls: syscall.to_vec(), when: vec![], verdict: Verdict::Errno(errno) }
}

fn allow_when(syscall: &[Syscall], when: impl Into<Vec<Condition>>) -> Rule {
    Rule { syscalls: syscall.to_vec(), when: when.into(), verdict: Verdict::Allow }
}

/// New processes and threads, but no namespace; execution domains that only change how addresses are laid out.
fn processes() -> Vec<Rule> {
    let no_namespace = Condition { index: 0, mask: NAMESPACES, value: 0 };
    let mut rules = vec![allow_when(&syscalls![SYS_clone], [no_namespace])];
    for persona in [0, 0x8, 0x20000, 0x20008, INT] {
        rules.push(allow_when(&syscalls![SYS_personality], [Condition { index: 0, mask: INT, value: persona }]));
    }
    rules
}

/// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET.
const NAMESPACES: u64 = 0x7e02_0000;

/// Local, internet and routing sockets: no AF_VSOCK, which reaches the machine's own host, nor any raw family.
fn sockets() -> Vec<Rule> {
    const AF_UNIX: u64 = 1;
    const AF_INET: u64 = 2;
    const AF_INET6: u64 = 10;
    const AF_NETLINK: u64 = 16;
    const NETLINK_ROUTE: u64 = 0;
    let family = |value| Condition { index: 0, mask: INT, value };
    let protocol = |value| Condition { index: 2, mask: INT, value };
    vec![
        allow_when(&syscalls![SYS_socket], [family(AF_UNIX)]),
        allow_when(&syscalls![SYS_socket], [family(AF_INET)]),
        allow_when(&syscalls![SYS_socket], [family(AF_INET6)]),
        allow_when(&syscalls![SYS_socket], [family(AF_NETLINK), protocol(NETLINK_ROUTE)]),
    ]
}

/// No typing into a terminal on someone else's behalf, and no setting aside room as fallocate(2) does.
fn requests() -> Vec<Rule> {
    const TIOCSTI: u32 = 0x5412;
    const TIOCLINUX: u32 = 0x541c;
    const FS_IOC_RESVSP: u32 = 0x4030_5828;
    const FS_IOC_RESVSP64: u32 = 0x4030_582a;
    const FS_IOC_ZERO_RANGE: u32 = 0x4030_5839;
    none_of(1, &[TIOCSTI, TIOCLINUX, FS_IOC_RESVSP, FS_IOC_RESVSP64, FS_IOC_ZERO_RANGE])
        .into_iter()
        .map(|condition| allow_when(&syscalls![SYS_ioctl], [condition]))
        .collect()
}

#[rustfmt::skip]
fn always() -> Vec<Syscall> {
    syscalls![
        SYS_accept, SYS_accept4, SYS_bind, SYS_brk, SYS_capget, SYS_capset, SYS_chdir, SYS_clock_getres,
        SYS_clock_gettime, SYS_clock_nanosleep, SYS_close, SYS_close_range, SYS_connect, SYS_copy_file_range, SYS_dup,
        SYS_dup3, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_eventfd2, SYS_execve,
        SYS_execveat, SYS_exit, SYS_exit_group, SYS_faccessat, SYS_faccessat2, SYS_fadvise64,
        SYS_fchdir, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_fcntl, SYS_fdatasync, SYS_fgetxattr,
        SYS_flistxattr, SYS_flock, SYS_fremovexattr, SYS_fsetxattr, SYS_fstat, SYS_fstatfs, SYS_fsync, SYS_ftruncate,
        SYS_futex, SYS_futex_waitv, SYS_getcpu, SYS_getcwd, SYS_getdents64, SYS_getegid, SYS_geteuid, SYS_getgid,
        SYS_getgroups, SYS_getitimer, SYS_getpeername, SYS_getpgid, SYS_getpid, SYS_getppid, SYS_getpriority,
        SYS_getrandom, SYS_getresgid, SYS_getresuid, SYS_get_mempolicy, SYS_get_robust_list, SYS_getrusage,
        SYS_getsid, SYS_getsockname, SYS_getsockopt, SYS_gettid, SYS_gettimeofday, SYS_getuid, SYS_getxattr,
        SYS_inotify_add_watch, SYS_inotify_init1, SYS_inotify_rm_watch, SYS_io_cancel, SYS_io_destroy,
        SYS_io_getevents, SYS_ioprio_get, SYS_ioprio_set, SYS_io_setup, SYS_io_submit, SYS_kill,
        SYS_landlock_add_rule, SYS_landlock_create_ruleset, SYS_landlock_restrict_self, SYS_lgetxattr, SYS_linkat,
        SYS_listen, SYS_listxattr, SYS_llistxattr, SYS_lremovexattr, SYS_lseek, SYS_lsetxattr, SYS_madvise,
        SYS_membarrier, SYS_memfd_create, SYS_memfd_secret, SYS_mincore, SYS_mkdirat, SYS_mknodat, SYS_mlock,
        SYS_mlock2, SYS_mlockall, SYS_mmap, SYS_mprotect, SYS_mq_getsetattr, SYS_mq_notify, SYS_mq_open,
        SYS_mq_timedreceive, SYS_mq_timedsend, SYS_mq_unlink, SYS_mremap, SYS_msgctl, SYS_msgget, SYS_msgrcv,
        SYS_msgsnd, SYS_msync, SYS_munlock, SYS_munlockall, SYS_munmap, SYS_nanosleep, SYS_openat, SYS_openat2,
        SYS_pidfd_open, SYS_pidfd_send_signal, SYS_pipe2, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect, SYS_ppoll,
        SYS_prctl, SYS_pread64, SYS_preadv, SYS_preadv2, SYS_prlimit64, SYS_process_mrelease, SYS_pselect6,
        SYS_pwrite64, SYS_pwritev, SYS_pwritev2, SYS_read, SYS_readahead, SYS_readlinkat, SYS_readv, SYS_recvfrom,
        SYS_recvmmsg, SYS_recvmsg, SYS_remap_file_pages, SYS_removexattr, SYS_renameat2, SYS_restart_syscall,
        SYS_rseq, SYS_rt_sigaction, SYS_rt_sigpending, SYS_rt_sigprocmask, SYS_rt_sigqueueinfo, SYS_rt_sigreturn,
        SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_rt_tgsigqueueinfo, SYS_sched_getaffinity, SYS_sched_getattr,
        SYS_sched_getparam, SYS_sched_get_priority_max, SYS_sched_get_priority_min, SYS_sched_getscheduler,
        SYS_sched_rr_get_interval, SYS_sched_setaffinity, SYS_sched_setattr, SYS_sched_setparam,
        SYS_sched_setscheduler, SYS_sched_yield, SYS_seccomp, SYS_semctl, SYS_semget, SYS_semop, SYS_semtimedop,
        SYS_sendfile, SYS_sendmmsg, SYS_sendmsg, SYS_sendto, SYS_setfsgid, SYS_setfsuid, SYS_setgid, SYS_setgroups,
        SYS_setitimer, SYS_set_mempolicy, SYS_setpgid, SYS_setpriority, SYS_setregid, SYS_setresgid, SYS_setresuid,
        SYS_setreuid, SYS_set_robust_list, SYS_setsid, SYS_setsockopt, SYS_set_tid_address, SYS_setuid, SYS_setxattr,
        SYS_shmat, SYS_shmctl, SYS_shmdt, SYS_shmget, SYS_shutdown, SYS_sigaltstack, SYS_signalfd4, SYS_socketpair,
        SYS_splice, SYS_statfs, SYS_statx, SYS_symlinkat, SYS_sysinfo, SYS_tee, SYS_tgkill,
        SYS_timer_create, SYS_timer_delete, SYS_timer_getoverrun, SYS_timer_gettime, SYS_timer_settime,
        SYS_timerfd_create, SYS_timerfd_gettime, SYS_timerfd_settime, SYS_times, SYS_tkill, SYS_truncate, SYS_umask,
        SYS_uname, SYS_unlinkat, SYS_utimensat, SYS_wait4, SYS_waitid, SYS_write, SYS_writev,
    ]
    .into()
}

/// The older calls, that newer processors never had.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
fn of_this_processor() -> Vec<Syscall> {
    syscalls![
        SYS_access, SYS_alarm, SYS_arch_prctl, SYS_chmod, SYS_chown, SYS_creat, SYS_dup2, SYS_epoll_create,
        SYS_epoll_ctl_old, SYS_epoll_wait, SYS_epoll_wait_old, SYS_eventfd, SYS_fork, SYS_futimesat,
        SYS_get_thread_area, SYS_getdents, SYS_getpgrp, SYS_getrlimit, SYS_inotify_init, SYS_lchown, SYS_link,
        SYS_lstat, SYS_mkdir, SYS_mknod, SYS_newfstatat, SYS_open, SYS_pause, SYS_pipe, SYS_poll, SYS_readlink,
        SYS_rename, SYS_renameat, SYS_rmdir, SYS_select, SYS_set_thread_area, SYS_setrlimit, SYS_signalfd, SYS_stat,
        SYS_symlink, SYS_sync_file_range, SYS_time, SYS_unlink, SYS_ustat, SYS_utime, SYS_utimes, SYS_vfork,
    ]
    .into()
}

#[cfg(target_arch = "aarch64")]
fn of_this_processor() -> Vec<Syscall> {
    syscalls![SYS_newfstatat].into()
}
