#![allow(clippy::disallowed_methods, reason = "what the family answered")]

use crate::handler::HANDLER;
use crate::text::fitting;
use openclaw_sdk::sandbox::{Outcome, ResourceUsage, Workload};
use openclaw_sdk::testing::Tenant;
use serde_json::{Value, json};

fn outcome(reason: &str) -> Outcome {
    let usage = ResourceUsage { cpu_ms: 1, peak_memory_bytes: 2, wall_ms: 3 };
    let (stdout, stderr, mode) = (b"caf\xc3\xa9 \xff".to_vec(), Vec::new(), "bwrap".to_owned());
    Outcome { exit_code: None, signal: None, reason: reason.to_owned(), stdout, stderr, truncated: true, usage, mode }
}

#[test]
fn what_is_not_asked_for_is_the_configurations() {
    let tenant = Tenant::new(HANDLER).with_sandbox(|workload: &Workload| {
        assert_eq!(workload.command, ["echo", "a b"]);
        assert_eq!((workload.mode.as_str(), workload.working_directory.as_str()), ("", "notes"));
        assert_eq!(workload.environment, [("LANG".to_owned(), "C".to_owned())]);
        assert_eq!((workload.limits.wall_ms, workload.limits.pids), (1000, 0));
        Ok(outcome("output-limit"))
    });
    let params = json!({"command": ["echo", "a b"], "cwd": "notes", "env": {"LANG": "C"}, "limits": {"wallMs": 1000}});
    let ran: Value = tenant.call("sandbox.run", params).unwrap();
    assert_eq!((&ran["reason"], &ran["exitCode"]), (&json!("output_limit"), &Value::Null));
    assert_eq!(ran["stdout"], "café \u{fffd}");
    assert_eq!(ran["usage"], json!({"cpuMs": 1, "peakMemoryBytes": 2, "wallMs": 3}));
}

#[test]
fn a_flood_of_control_characters_is_cut_to_what_an_answer_holds() {
    let (text, cut) = fitting(&vec![1; 4 << 20]);
    assert!(cut && text.len() * 6 <= 3 << 20, "{}", text.len());
    assert_eq!(fitting(b"plain\n"), ("plain\n".to_owned(), false));
}
