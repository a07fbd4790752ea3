//! Both programs of the table are run here, by small interpreters, and must give the same verdicts.

use proptest::prelude::*;
use serde_json::Value;

use super::rule::{Syscall, none_of};
use super::{bpf, oci, table};

const CLONE: u32 = libc::SYS_clone as u32;
const CLONE3: u32 = libc::SYS_clone3 as u32;
const IOCTL: u32 = libc::SYS_ioctl as u32;
const PERSONALITY: u32 = libc::SYS_personality as u32;
const SOCKET: u32 = libc::SYS_socket as u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Allow,
    Errno(u32),
    Kill,
}

/// `struct seccomp_data`.
#[derive(Clone, Copy, Debug)]
struct Call {
    architecture: u32,
    number: u32,
    arguments: [u64; 6],
}

impl Call {
    fn new(number: u32, arguments: &[u64]) -> Self {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        Self { architecture: bpf::ARCHITECTURE, number, arguments: all }
    }

    fn word(&self, offset: u32) -> u32 {
        let mut bytes = Vec::new();
        bytes.extend(self.number.to_ne_bytes());
        bytes.extend(self.architecture.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(self.arguments.iter().flat_map(|argument| argument.to_ne_bytes()));
        let at = offset as usize;
        u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
    }
}

/// The answer of the compiled program.
fn by_bpf(program: &[bpf::Instruction], call: &Call) -> Answer {
    by_bpf_in_steps(program, call).0
}

/// And after how many instructions.
fn by_bpf_in_steps(program: &[bpf::Instruction], call: &Call) -> (Answer, usize) {
    let (mut at, mut accumulator, mut steps) = (0, 0, 0);
    loop {
        let instruction = program[at];
        (at, steps) = (at + 1, steps + 1);
        let branch = |taken| usize::from(if taken { instruction.if_true } else { instruction.if_false });
        match instruction.code {
            bpf::LOAD => accumulator = call.word(instruction.operand),
            bpf::AND => accumulator &= instruction.operand,
            bpf::JUMP => at += instruction.operand as usize,
            bpf::JUMP_IF_EQUAL => at += branch(accumulator == instruction.operand),
            bpf::JUMP_IF_GREATER => at += branch(accumulator > instruction.operand),
            bpf::RETURN if instruction.operand == bpf::RET_ALLOW => return (Answer::Allow, steps),
            bpf::RETURN if instruction.operand == bpf::KILL_PROCESS => return (Answer::Kill, steps),
            bpf::RETURN => return (Answer::Errno(instruction.operand - bpf::RET_ERRNO), steps),
            code => panic!("instruction {code:#x} is not in use"),
        }
    }
}

/// The answer of the profile, as libseccomp and runc read it: of one call's rules any may match; another architecture
/// or its 32-bit form is killed; a call newer than all that are named is unknown.
fn by_profile(profile: &Value, call: &Call) -> Answer {
    if call.architecture != bpf::ARCHITECTURE || call.number >= bpf::X32 {
        return Answer::Kill;
    }
    let numbers: Vec<Syscall> = table::rules().into_iter().flat_map(|rule| rule.syscalls).collect();
    let name = numbers.iter().find(|syscall| syscall.number == call.number).map(|syscall| syscall.name);
    let matching = profile["syscalls"].as_array().unwrap().iter().find(|rule| {
        let named = rule["names"].as_array().unwrap().iter().any(|listed| listed.as_str() == name);
        let holds = |condition: &Value| {
            assert_eq!(condition["op"], "SCMP_CMP_MASKED_EQ");
            let argument = call.arguments[condition["index"].as_u64().unwrap() as usize];
            argument & condition["value"].as_u64().unwrap() == condition["valueTwo"].as_u64().unwrap()
        };
        named && rule["args"].as_array().unwrap().iter().all(holds)
    });
    match matching {
        Some(rule) if rule["action"] == "SCMP_ACT_ALLOW" => Answer::Allow,
        Some(rule) => Answer::Errno(rule["errnoRet"].as_u64().unwrap() as u32),
        None if numbers.iter().all(|syscall| syscall.number < call.number) => Answer::Errno(38),
        None => Answer::Errno(profile["defaultErrnoRet"].as_u64().unwrap() as u32),
    }
}

fn answer(call: Call) -> Answer {
    let (compiled, profile) = (by_bpf(&bpf::compile(&table::rules()), &call), by_profile(&oci::profile(), &call));
    assert_eq!(compiled, profile, "{call:?}");
    compiled
}

#[test]
fn every_call_gets_the_same_answer_from_both_programs() {
    let (program, profile) = (bpf::compile(&table::rules()), oci::profile());
    let arguments = [[0; 6], [u64::MAX; 6], [1, 2, 3, 4, 5, 6], [0x7e02_0000, 0x5412, 0, 0, 0, 0]];
    for number in (0..600).chain([0x4000_0000, 0x4000_0027, u32::MAX]) {
        for arguments in arguments {
            let call = Call { architecture: bpf::ARCHITECTURE, number, arguments };
            assert_eq!(by_bpf(&program, &call), by_profile(&profile, &call), "{call:?}");
        }
    }
}

#[test]
fn what_reaches_the_host_is_refused() {
    for number in [
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_kcmp,
        libc::SYS_pidfd_getfd,
        libc::SYS_process_madvise,
        libc::SYS_perf_event_open,
        libc::SYS_bpf,
        libc::SYS_userfaultfd,
        libc::SYS_add_key,
        libc::SYS_keyctl,
        libc::SYS_request_key,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_mount_setattr,
        libc::SYS_move_mount,
        libc::SYS_open_tree,
        libc::SYS_fsopen,
        libc::SYS_fsconfig,
        libc::SYS_fsmount,
        libc::SYS_fspick,
        libc::SYS_pivot_root,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_chroot,
        libc::SYS_open_by_handle_at,
        libc::SYS_name_to_handle_at,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        libc::SYS_reboot,
        libc::SYS_syslog,
        libc::SYS_acct,
        libc::SYS_quotactl,
        libc::SYS_quotactl_fd,
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_clock_adjtime,
        libc::SYS_adjtimex,
        libc::SYS_sethostname,
        libc::SYS_setdomainname,
        libc::SYS_vmsplice,
        libc::SYS_mbind,
        libc::SYS_move_pages,
        libc::SYS_migrate_pages,
        libc::SYS_fanotify_init,
        libc::SYS_lookup_dcookie,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_init_module,
        libc::SYS_kexec_load,
    ] {
        assert_eq!(answer(Call::new(number as u32, &[])), Answer::Errno(1), "{number}");
    }
}

#[test]
fn no_new_namespace() {
    const SIGCHLD: u64 = 17;
    assert_eq!(answer(Call::new(CLONE, &[SIGCHLD])), Answer::Allow);
    for namespace in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
        assert_eq!(answer(Call::new(CLONE, &[SIGCHLD | namespace])), Answer::Errno(1), "{namespace:#x}");
    }
    assert_eq!(answer(Call::new(CLONE3, &[])), Answer::Errno(38), "its flags are in memory: C libraries fall back");
}

#[test]
fn sockets_are_local_or_internet() {
    let socket = |family, protocol| answer(Call::new(SOCKET, &[family, 1, protocol]));
    for family in [1, 2, 10, 16] {
        assert_eq!(socket(family, 0), Answer::Allow, "{family}");
    }
    assert_eq!(socket(16, 9), Answer::Errno(1), "audit");
    for family in [3, 17, 29, 38, 40, 44] {
        assert_eq!(socket(family, 0), Answer::Errno(1), "{family}");
    }
}

#[test]
fn no_typing_into_a_terminal_whatever_the_upper_half_says() {
    let ioctl = |request| answer(Call::new(IOCTL, &[0, request]));
    for request in [0x5412, 0x541c, 0x1_0000_5412, 0xffff_ffff_0000_541c] {
        assert_eq!(ioctl(request), Answer::Errno(1), "{request:#x}");
    }
    for request in [0x5401, 0x5413, 0x541b, 0x541d, 0x8000_5412, 0] {
        assert_eq!(ioctl(request), Answer::Allow, "{request:#x}");
    }
}

#[test]
fn no_room_is_set_aside_beyond_a_files_end() {
    const EOPNOTSUPP: u32 = 95;
    for mode in [0, 1, 0x10, u64::MAX] {
        let call = Call::new(libc::SYS_fallocate as u32, &[3, mode, 0, 1 << 30]);
        assert_eq!(answer(call), Answer::Errno(EOPNOTSUPP), "{mode:#x}: C libraries fall back");
    }
    for request in [0x4030_5828, 0x4030_582a, 0x4030_5839] {
        assert_eq!(answer(Call::new(IOCTL, &[3, request])), Answer::Errno(1), "{request:#x}");
    }
}

#[test]
fn nobody_has_all_that_the_machine_has_not_yet_written_written() {
    for number in [libc::SYS_sync, libc::SYS_syncfs] {
        assert_eq!(answer(Call::new(number as u32, &[])), Answer::Errno(0), "it is answered as if it was made");
    }
    for number in [libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_msync] {
        assert_eq!(answer(Call::new(number as u32, &[])), Answer::Allow, "its own it has written");
    }
}

#[test]
fn a_personality_changes_the_layout_at_most() {
    let personality = |persona| answer(Call::new(PERSONALITY, &[persona]));
    for persona in [0, 8, 0x20000, 0x20008, 0xffff_ffff] {
        assert_eq!(personality(persona), Answer::Allow, "{persona:#x}");
    }
    assert_eq!(personality(0x40_0000), Answer::Errno(1), "READ_IMPLIES_EXEC");
}

#[test]
fn another_architecture_is_killed_and_a_call_from_the_future_unknown() {
    let i386 = Call { architecture: 0x4000_0003, ..Call::new(1, &[]) };
    assert_eq!(answer(i386), Answer::Kill);
    assert_eq!(answer(Call::new(bpf::X32 | 39, &[])), Answer::Kill);
    assert_eq!(answer(Call::new(9999, &[])), Answer::Errno(38));
}

#[test]
fn the_program_fits_the_kernel() {
    let program = bpf::compile(&table::rules());
    assert!(program.len() < 4096, "{}", program.len());
    // The kernel tries it with every number whenever a sandbox is made.
    let call = |number| Call { architecture: bpf::ARCHITECTURE, number, arguments: [0; 6] };
    let steps: usize = (0..500).map(|number| by_bpf_in_steps(&program, &call(number)).1).sum();
    assert!(steps < 500 * 20, "{steps}");
    assert_eq!(bpf::bytes().len(), program.len() * 8);
}

proptest! {
    #[test]
    fn none_of_is_the_complement(value: u32, excluded in prop::collection::vec(any::<u32>(), 1..5)) {
        let holds = |value: u32| {
            none_of(0, &excluded).iter().any(|condition| u64::from(value) & condition.mask == condition.value)
        };
        prop_assert_eq!(holds(value), !excluded.contains(&value));
        for value in &excluded {
            prop_assert!(!holds(*value));
        }
    }

    #[test]
    fn any_call_gets_the_same_answer(number in 0u32..460, arguments: [u64; 6]) {
        answer(Call { architecture: bpf::ARCHITECTURE, number, arguments });
    }
}
