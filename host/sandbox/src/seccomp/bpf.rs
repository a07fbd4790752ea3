//! The table as a classic BPF program, as seccomp(2) takes it.

use std::collections::BTreeMap;

use super::rule::{Condition, ENOSYS, EPERM, Rule, Verdict};
use super::table;

/// One instruction: `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) code: u16,
    pub(super) if_true: u8,
    pub(super) if_false: u8,
    pub(super) operand: u32,
}

/// BPF_LD | BPF_W | BPF_ABS
pub(super) const LOAD: u16 = 0x20;
/// BPF_ALU | BPF_AND | BPF_K
pub(super) const AND: u16 = 0x54;
/// BPF_JMP | BPF_JA
pub(super) const JUMP: u16 = 0x05;
/// BPF_JMP | BPF_JEQ | BPF_K
pub(super) const JUMP_IF_EQUAL: u16 = 0x15;
/// BPF_JMP | BPF_JGT | BPF_K
pub(super) const JUMP_IF_GREATER: u16 = 0x25;
/// BPF_RET | BPF_K
pub(super) const RETURN: u16 = 0x06;

pub(super) const KILL_PROCESS: u32 = 0x8000_0000;
pub(super) const RET_ALLOW: u32 = 0x7fff_0000;
pub(super) const RET_ERRNO: u32 = 0x0005_0000;

#[cfg(target_arch = "x86_64")]
pub(super) const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
pub(super) const ARCHITECTURE: u32 = 0xc000_00b7;

/// Numbers from here on are calls with 32-bit pointers, where the processor has them.
pub(super) const X32: u32 = 0x4000_0000;

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;

/// The program as `bwrap --seccomp` reads it.
pub(crate) fn bytes() -> Vec<u8> {
    let mut bytes = Vec::new();
    for instruction in compile(&table::rules()) {
        bytes.extend(instruction.code.to_ne_bytes());
        bytes.extend([instruction.if_true, instruction.if_false]);
        bytes.extend(instruction.operand.to_ne_bytes());
    }
    bytes
}

/// Each call's rules stand together, after one comparison of its number; each jump stays within its call.
pub(super) fn compile(rules: &[Rule]) -> Vec<Instruction> {
    let mut by_number: BTreeMap<u32, Vec<(&[Condition], Verdict)>> = BTreeMap::new();
    for rule in rules {
        for syscall in &rule.syscalls {
            by_number.entry(syscall.number).or_default().push((&rule.when, rule.verdict));
        }
    }
    let newest = by_number.keys().next_back().copied().unwrap_or(0);

    // Another processor's calls, and those of 32 bits on this one, have other numbers: nothing in the table speaks of them.
    let mut program = vec![load(ARCH), jump_if_equal(ARCHITECTURE, 1, 0), ret(KILL_PROCESS), load(NUMBER)];
    program.extend([jump_if_greater(X32 - 1, 0, 1), ret(KILL_PROCESS)]);
    for (number, rules) in by_number {
        let body: Vec<Instruction> = rules.iter().flat_map(|(when, verdict)| check(when, *verdict)).collect();
        // A comparison does not jump far.
        match u8::try_from(body.len()) {
            Ok(length) => program.push(jump_if_equal(number, 0, length)),
            Err(_) => program.extend([jump_if_equal(number, 1, 0), jump(body.len())]),
        }
        program.extend(body);
    }
    program.extend([
        jump_if_greater(newest, 0, 1),
        ret(RET_ERRNO | u32::from(ENOSYS)),
        ret(RET_ERRNO | u32::from(EPERM)),
    ]);
    program
}

/// Falls through when a condition does not hold. The accumulator holds the number before and after.
fn check(when: &[Condition], verdict: Verdict) -> Vec<Instruction> {
    let decided = ret(match verdict {
        Verdict::Allow => RET_ALLOW,
        Verdict::Errno(errno) => RET_ERRNO | u32::from(errno),
    });
    if when.is_empty() {
        return vec![decided];
    }
    let halves: Vec<_> = when.iter().flat_map(halves).collect();
    let mut body = Vec::new();
    for (done, (offset, mask, value)) in halves.iter().enumerate() {
        // After this comparison: the rest of the halves, and the verdict.
        let rest = (halves.len() - done - 1) * 3 + 1;
        let rest = u8::try_from(rest).expect("a rule has few conditions");
        body.extend([load(*offset), and(*mask), jump_if_equal(*value, 0, rest)]);
    }
    body.extend([decided, load(NUMBER)]);
    body
}

/// BPF compares 32 bits at a time. A half that the mask leaves out is not looked at.
fn halves(condition: &Condition) -> impl Iterator<Item = (u32, u32, u32)> {
    let offset = ARGUMENTS + 8 * u32::from(condition.index);
    let (low, high) = if cfg!(target_endian = "little") { (offset, offset + 4) } else { (offset + 4, offset) };
    [
        (low, condition.mask as u32, condition.value as u32),
        (high, (condition.mask >> 32) as u32, (condition.value >> 32) as u32),
    ]
    .into_iter()
    .filter(|(_, mask, _)| *mask != 0)
}

fn load(offset: u32) -> Instruction {
    Instruction { code: LOAD, if_true: 0, if_false: 0, operand: offset }
}

fn and(mask: u32) -> Instruction {
    Instruction { code: AND, if_true: 0, if_false: 0, operand: mask }
}

fn ret(value: u32) -> Instruction {
    Instruction { code: RETURN, if_true: 0, if_false: 0, operand: value }
}

fn jump(over: usize) -> Instruction {
    let operand = u32::try_from(over).expect("a call has few rules");
    Instruction { code: JUMP, if_true: 0, if_false: 0, operand }
}

fn jump_if_equal(operand: u32, if_true: u8, if_false: u8) -> Instruction {
    Instruction { code: JUMP_IF_EQUAL, if_true, if_false, operand }
}

fn jump_if_greater(operand: u32, if_true: u8, if_false: u8) -> Instruction {
    Instruction { code: JUMP_IF_GREATER, if_true, if_false, operand }
}
