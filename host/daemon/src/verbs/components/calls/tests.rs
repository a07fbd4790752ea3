use openclaw_runtime::Ending;
use serde_json::json;

use super::{ending, parse};

#[test]
fn a_reply_is_an_ending() {
    let refused = json!({ "error": { "code": -32004, "message": "no note", "data": { "code": "NOT_FOUND" } } });
    let Ending::Error { code, message } = ending(refused) else { panic!("it is refused") };
    assert_eq!((code.as_str(), message.as_str()), ("NOT_FOUND", "no note"));
    let Ending::Result(result) = ending(json!({ "result": { "a": 1 } })) else { panic!("it is answered") };
    assert_eq!(result, json!({ "a": 1 }));
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
