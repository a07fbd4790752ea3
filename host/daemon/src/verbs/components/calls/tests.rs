use serde_json::json;

use super::parse;

fn judged(expect: &str, reply: serde_json::Value) -> Option<String> {
    let calls = parse(&format!("- method: x.y\n  expect: {expect}\n")).expect(expect);
    calls[0].judge(&reply).map(|mismatch| format!("{}: {} / {}", mismatch.place, mismatch.expected, mismatch.actual))
}

#[test]
fn a_reply_is_judged() {
    let refused =
        json!({ "error": { "code": -32004, "message": "there is no note 7", "data": { "code": "NOT_FOUND" } } });
    assert_eq!(judged("{ result: { a: 1 } }", json!({ "result": { "a": 1 } })), None);
    assert_eq!(judged("{ resultContains: { a: 1 } }", json!({ "result": { "a": 1, "b": 2 } })), None);
    assert_eq!(judged("{ error: { code: NOT_FOUND, message: note } }", refused.clone()), None);
    assert_eq!(
        judged("{ error: { code: CONFLICT } }", refused.clone()).as_deref(),
        Some(r#"error.code: "CONFLICT" / "NOT_FOUND""#)
    );
    assert_eq!(
        judged("{ error: { code: NOT_FOUND, message: agent } }", refused).as_deref(),
        Some("error.message: …agent… / there is no note 7")
    );
}

#[test]
fn what_is_wrong_is_named_by_its_place() {
    for (text, said) in [
        ("- method: x.y\n  expct: {}\n", "2:"),
        ("- method: x.y\n  as: { scopes: [king] }\n  expect: { result: 1 }\n", "2:"),
        ("- method: x.y\n  expect: { result: 1, error: { code: X } }\n", "2:11: expect takes exactly one"),
        ("- method: x.y\n  expect:\n    reslt: 1\n", "3:"),
        ("[]", "1:1: there is no call"),
    ] {
        let flaw = parse(text).expect_err(text);
        assert!(flaw.starts_with(said), "{text}: {flaw}");
    }
}
