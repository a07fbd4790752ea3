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

/// A number that nothing speaks of, and what comes after all that something speaks of, have answers too.
pub(super) fn compile(rules: &[Rule]) -> Vec<Instruction> {
    let mut by_number: BTreeMap<u32, Vec<(&[Condition], Verdict)>> = BTreeMap::new();
    for rule in rules {
        for syscall in &rule.syscalls {
            by_number.entry(syscall.number).or_default().push((&rule.when, rule.verdict));
        }
    }
    let newest = by_number.keys().next_back().copied().unwrap_or(0);
    let mut runs: Vec<Run> = Vec::new();
    for number in 0..=newest {
        let rules = by_number.get(&number).into_iter().flatten();
        let mut answer: Vec<Instruction> = rules.flat_map(|(when, verdict)| check(when, *verdict)).collect();
        answer.push(ret(RET_ERRNO | u32::from(EPERM)));
        if runs.last().is_none_or(|before| before.answer != answer) {
            runs.push(Run { first: number, answer });
        }
    }
    runs.push(Run { first: newest + 1, answer: vec![ret(RET_ERRNO | u32::from(ENOSYS))] });

    // Another processor's calls, and those of 32 bits on this one, have other numbers: nothing in the table speaks of them.
    let mut program = vec![load(ARCH), jump_if_equal(ARCHITECTURE, 1, 0), ret(KILL_PROCESS), load(NUMBER)];
    program.extend([jump_if_greater(X32 - 1, 0, 1), ret(KILL_PROCESS)]);
    program.extend(find(&runs));
    program
}

/// Numbers from `first` up to the next run's have one answer.
struct Run {
    first: u32,
    /// It returns on each way.
    answer: Vec<Instruction>,
}

/// Halves what is left until that is one run. The kernel tries the program with every number when it is installed, and
/// to compare with one after the other would take it milliseconds.
fn find(runs: &[Run]) -> Vec<Instruction> {
    let (lower, upper) = runs.split_at(runs.len() / 2);
    let Some(Run { first, answer }) = upper.first() else { return Vec::new() };
    if lower.is_empty() {
        return answer.clone();
    }
    let below = find(lower);
    // A comparison does not jump far.
    let mut program = match u8::try_from(below.len()) {
        Ok(over) => vec![jump_if_greater(first - 1, over, 0)],
        Err(_) => vec![jump_if_greater(first - 1, 0, 1), jump(below.len())],
    };
    program.extend(below);
    program.extend(find(upper));
    program
}

/// Falls through when a condition does not hold.
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
    body.push(decided);
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
    let operand = u32::try_from(over).expect("there are few rules");
    Instruction { code: JUMP, if_true: 0, if_false: 0, operand }
}

fn jump_if_equal(operand: u32, if_true: u8, if_false: u8) -> Instruction {
    Instruction { code: JUMP_IF_EQUAL, if_true, if_false, operand }
}

fn jump_if_greater(operand: u32, if_true: u8, if_false: u8) -> Instruction {
    Instruction { code: JUMP_IF_GREATER, if_true, if_false, operand }
}
