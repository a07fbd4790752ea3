//! The form of a rule, as little as both back ends can say.

/// A system call of this processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Syscall {
    pub(super) number: u32,
    pub(super) name: &'static str,
}

impl Syscall {
    /// `constant` is libc's name of it, such as `SYS_read`.
    pub(super) fn new(number: libc::c_long, constant: &'static str) -> Self {
        let number = u32::try_from(number).expect("libc's numbers are small and positive");
        Self { number, name: constant.trim_start_matches("SYS_") }
    }
}

/// What to do with a call. What no rule matches fails with EPERM; one newer than every rule with ENOSYS, so that a C
/// library falls back to an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allow,
    /// Fails, without having been made; 0 says that it was.
    Errno(u16),
}

/// The argument at `index`, under `mask`, is `value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) index: u8,
    pub(super) mask: u64,
    pub(super) value: u64,
}

/// All of `when` hold for one of `syscalls`. Of one call there are either rules that allow or one that denies.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) syscalls: Vec<Syscall>,
    pub(super) when: Vec<Condition>,
    pub(super) verdict: Verdict,
}

pub(super) const EPERM: u16 = 1;
pub(super) const ENOSYS: u16 = 38;
pub(super) const EOPNOTSUPP: u16 = 95;

/// The kernel reads the lower half of an `int` argument only; what stands in the upper half must not matter.
pub(super) const INT: u64 = 0xffff_ffff;

/// Conditions of which one holds if and only if the 32-bit argument is none of `values`.
///
/// libseccomp has no "none of", so the complement is written as what leaves the trie of the values' bits, from the top.
pub(super) fn none_of(index: u8, values: &[u32]) -> Vec<Condition> {
    let mut leaving = Vec::new();
    for bit in (0..32).rev() {
        let mask = u32::MAX << bit;
        let mut prefixes: Vec<u32> = values.iter().map(|value| value & mask).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        let siblings = prefixes.iter().map(|prefix| prefix ^ (1 << bit)).filter(|sibling| !prefixes.contains(sibling));
        leaving.extend(siblings.map(|value| Condition { index, mask: mask.into(), value: value.into() }));
    }
    leaving
}
