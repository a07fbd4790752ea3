use openclaw_tenancy::{Holder, HolderKind, HomeError};
use serde_json::json;

use super::{CliError, Kind};

#[test]
fn the_gateways_errors_become_the_documented_exit_codes() {
    for (rpc, exit) in [
        (-32602, 2),
        (-32601, 3),
        (-32004, 3),
        (-32001, 4),
        (-32003, 4),
        (-32009, 5),
        (-32029, 6),
        (-32603, 70),
        (-32020, 1),
        (-32010, 1),
    ] {
        let error = CliError::of_rpc(&json!({ "code": rpc, "message": "no" }));
        assert_eq!(error.kind.number(), exit, "{rpc}");
    }
}

#[test]
fn a_method_for_the_operator_alone_is_told_by_its_reason_and_not_by_its_words() {
    let message = "method not available for tenant token: tenants.list";
    let said = |data: serde_json::Value| CliError::of_rpc(&json!({ "code": -32601, "message": message, "data": data }));
    let refused = said(json!({ "reason": "operator_only" }));
    assert_eq!((refused.kind, refused.is_operators_alone()), (Kind::Authentication, true));
    let unknown = said(json!({}));
    assert_eq!((unknown.kind, unknown.is_operators_alone()), (Kind::NotFound, false));
}

#[test]
fn the_exit_codes_are_those_of_the_help() {
    let numbers = [(Kind::Unreachable, 7), (Kind::Configuration, 8), (Kind::Interrupted, 130), (Kind::ReaderGone, 0)];
    for (kind, number) in numbers {
        assert_eq!(kind.number(), number);
    }
}

#[test]
fn json_names_the_gateways_own_code_and_keeps_its_data() {
    let error = CliError::of_rpc(&json!({
        "code": -32029, "message": "too many", "data": { "code": "RATE_LIMITED", "retryAfterMs": 1500 },
    }));
    assert_eq!(
        error.to_json(),
        json!({ "error": {
            "code": "RATE_LIMITED", "message": "too many", "exitCode": 6, "hint": "try again in 2 s",
            "details": { "code": "RATE_LIMITED", "retryAfterMs": 1500 },
        }})
    );
}

#[test]
fn a_command_that_has_the_directory_is_told_from_a_daemon() {
    let held = |kind| {
        let holder = Some(Holder { pid: 7, kind });
        let error = CliError::from(HomeError::Held { path: "/state".into(), holder });
        assert_eq!(error.kind, Kind::Conflict);
        (error.message, error.hint.unwrap_or_default())
    };
    let (message, hint) = held(Some(HolderKind::Command));
    assert_eq!(message, "/state is in use by another command (pid 7)");
    assert_eq!(hint, "try again when it is done, or choose another directory with --home");
    let (message, hint) = held(Some(HolderKind::Daemon));
    assert_eq!(message, "/state is in use by another daemon (pid 7)");
    assert_eq!(hint, "stop it with `kill 7`, or choose another directory with --home");
}
