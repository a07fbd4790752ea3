//! What `terminal.exit` tells of a terminal's end.

use openclaw_sandbox::{Outcome, Reason};
use serde_json::{Value, json};

use crate::sandboxes::full::Full;

/// The payload of the event. `ending` is why the gateway ended it, where it did, and `full` what had no room left.
pub(super) fn told(id: &str, ending: Option<&'static str>, outcome: &Outcome, full: Option<Full>) -> Value {
    let mut exit = json!({
        "terminalId": id, "sessionId": id, "reason": ending.unwrap_or(reason(outcome.reason)),
        "exitCode": outcome.exit_code, "signal": outcome.signal,
    });
    let failed = outcome.reason == Reason::FailedToStart;
    let why = full.map(|full| full.to_string()).or_else(|| outcome.message.clone().filter(|_| failed));
    if let Some(why) = why {
        exit["error"] = why.into();
    }
    exit
}

/// Why a workload ended that the gateway did not end by a decision of its own.
fn reason(of_workload: Reason) -> &'static str {
    match of_workload {
        // A program that was refused a process ends by itself.
        Reason::Exit | Reason::Pids => "process_exit",
        Reason::Timeout | Reason::Oom | Reason::OutputLimit => of_workload.as_str(),
        Reason::Killed => "closed",
        Reason::FailedToStart => "error",
    }
}

#[cfg(test)]
mod tests {
    use openclaw_sandbox::{Mode, Usage};

    use super::*;

    fn outcome(reason: Reason) -> Outcome {
        Outcome {
            reason,
            exit_code: (reason == Reason::Exit).then_some(3),
            signal: None,
            stdout: Vec::new(),
            stderr: Vec::new(),
            truncated: false,
            usage: Usage::default(),
            mode: Mode::Bwrap,
            message: (reason == Reason::FailedToStart).then(|| "no such program".to_owned()),
        }
    }

    #[test]
    fn a_limit_that_ends_it_is_told_by_its_name() {
        for (ended_by, told_as) in [
            (Reason::Exit, "process_exit"),
            (Reason::Pids, "process_exit"),
            (Reason::Timeout, "timeout"),
            (Reason::Oom, "oom"),
            (Reason::Killed, "closed"),
            (Reason::FailedToStart, "error"),
        ] {
            let exit = told("pty-1", None, &outcome(ended_by), None);
            assert_eq!((&exit["reason"], &exit["terminalId"]), (&json!(told_as), &json!("pty-1")), "{ended_by:?}");
        }
    }

    #[test]
    fn what_the_gateway_decided_comes_before_how_the_program_took_it() {
        let exit = told("pty-1", Some("idle"), &outcome(Reason::Killed), None);
        assert_eq!((&exit["reason"], exit.get("error")), (&json!("idle"), None));
        let exit = told("pty-1", Some("disk_full"), &outcome(Reason::Killed), Some(Full::Disk));
        assert_eq!(exit["error"], "the gateway's disk is full");
    }

    #[test]
    fn why_it_never_began_is_told_too() {
        let exit = told("pty-1", None, &outcome(Reason::FailedToStart), None);
        assert_eq!((&exit["error"], &exit["exitCode"]), (&json!("no such program"), &Value::Null));
    }
}
