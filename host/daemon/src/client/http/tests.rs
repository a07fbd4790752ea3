use serde_json::json;

use super::{Answer, Target};
use crate::error::Kind;

#[test]
fn a_url_may_leave_out_port_and_path() {
    for (url, connect, path) in [
        ("http://gateway", "gateway:80", "/rpc"),
        ("http://127.0.0.1:18789/", "127.0.0.1:18789", "/rpc"),
        ("http://[::1]:9/base", "[::1]:9", "/base/rpc"),
        ("http://gateway/rpc", "gateway:80", "/rpc"),
        ("https://gateway", "gateway:443", "/rpc"),
    ] {
        let target = Target::parse(url).expect(url);
        assert_eq!((target.connect.as_str(), target.path.as_str()), (connect, path), "{url}");
    }
}

#[test]
fn other_urls_are_wrong_usage() {
    for url in ["ftp://gateway", "gateway:18789", "http://tk_a_b@gateway", ""] {
        assert_eq!(Target::parse(url).expect_err(url).kind, Kind::Usage, "{url}");
    }
}

#[test]
fn an_answer_that_is_no_json_rpc_is_judged_by_its_status() {
    for (status, kind) in
        [(401, Kind::Authentication), (404, Kind::NotFound), (503, Kind::Unreachable), (200, Kind::Failed)]
    {
        let answer = Answer { status, body: b"<html>".to_vec() };
        assert_eq!(answer.result().expect_err("no result").kind, kind);
    }
}

#[test]
fn a_null_result_is_a_result() {
    let answer = Answer { status: 200, body: br#"{"jsonrpc":"2.0","id":1,"result":null}"#.to_vec() };
    assert!(answer.result().expect("a result").is_null());
}

#[test]
fn a_problem_of_the_gateway_is_told_as_it_is() {
    for (status, code, kind) in [
        (403, "FORBIDDEN", Kind::Authentication),
        (409, "CONFLICT", Kind::Conflict),
        (422, "INVALID_REQUEST", Kind::Usage),
        (429, "QUOTA_EXCEEDED", Kind::Quota),
        (500, "INTERNAL", Kind::Internal),
        (503, "UNAVAILABLE", Kind::Failed),
    ] {
        let problem = json!({
            "type": "about:blank", "title": "", "status": status, "detail": "the reason", "code": code,
            "request_id": "r1", "retryAfterMs": 1500,
        });
        let error = Answer { status, body: problem.to_string().into_bytes() }.result().expect_err("no result");
        assert_eq!((error.kind, error.message.as_str()), (kind, "the reason"), "{problem}");
        assert_eq!(error.hint.as_deref(), Some("try again in 2 s"));
        let told = error.to_json();
        assert_eq!(told["error"]["code"], code);
        assert_eq!(told["error"]["details"], problem);
    }
}
