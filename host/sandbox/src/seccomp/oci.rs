//! The table as the Docker Engine reads it.

use serde_json::{Value, json};

use super::rule::{Condition, EPERM, Rule, Verdict};
use super::table;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: &str = "SCMP_ARCH_X86_64";
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: &str = "SCMP_ARCH_AARCH64";

/// The profile, as `--security-opt seccomp=` takes it.
pub fn profile() -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "architectures": [ARCHITECTURE],
        "syscalls": table::rules().iter().map(rule).collect::<Vec<_>>(),
    })
}

fn rule(rule: &Rule) -> Value {
    let names: Vec<_> = rule.syscalls.iter().map(|syscall| syscall.name).collect();
    let args: Vec<_> = rule.when.iter().map(condition).collect();
    match rule.verdict {
        Verdict::Allow => json!({"names": names, "action": "SCMP_ACT_ALLOW", "args": args}),
        Verdict::Errno(errno) => json!({"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": errno, "args": args}),
    }
}

fn condition(condition: &Condition) -> Value {
    json!({
        "index": condition.index,
        "value": condition.mask,
        "valueTwo": condition.value,
        "op": "SCMP_CMP_MASKED_EQ",
    })
}
