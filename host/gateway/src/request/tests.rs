use super::*;

fn single(body: &str) -> Frame<'_> {
    match parse(body.as_bytes(), 64, 50) {
        Ok(Body::Single(frame)) => frame,
        other => panic!("not a single request: {other:?}"),
    }
}

#[test]
fn an_id_is_kept_to_the_letter() {
    for id in ["1.0", "12345678901234567890123", "\"a\\u0041\"", "null", "-0"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"health"}}"#);
        assert_eq!(single(&body).unwrap().id.unwrap().get(), id);
    }
}

#[test]
fn an_absent_id_is_a_notification() {
    assert!(single(r#"{"jsonrpc":"2.0","method":"health"}"#).unwrap().id.is_none());
}

#[test]
fn a_bad_frame_keeps_a_readable_id() {
    for body in [
        r#"{"jsonrpc":"1.0","id":7,"method":"health"}"#,
        r#"{"id":7,"method":"health"}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":1}"#,
        r#"{"jsonrpc":"2.0","id":7}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"health","params":null}"#,
    ] {
        assert_eq!(single(body).unwrap_err().id.map(RawValue::get), Some("7"), "{body}");
    }
    assert!(single(r#"{"jsonrpc":"2.0","id":{},"method":"health"}"#).unwrap_err().id.is_none());
    assert!(single("1").unwrap_err().id.is_none());
}

#[test]
fn duplicate_keys_are_refused_anywhere() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"health"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"health","params":{"a":{"b":1,"\u0062":2}}}"#,
    ] {
        let Err(BadBody::Parse(flaw)) = parse(body.as_bytes(), 64, 50) else { panic!("accepted {body}") };
        assert!(flaw.to_string().contains("appears twice"), "{flaw}");
    }
}

#[test]
fn a_private_key_of_the_parser_opens_no_second_document() {
    for body in [r#"{"$serde_json::private::RawValue":"[[[[]]]]"}"#, r#"[{"\u0024serde_json::private::RawValue":"1"}]"#]
    {
        let flaw = json::check(body.as_bytes(), 64).unwrap_err();
        assert!(flaw.to_string().contains("is reserved"), "{flaw}");
    }
}

#[test]
fn depth_and_batch_have_limits() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(json::check(deep(64).as_bytes(), 64).is_ok());
    assert!(json::check(deep(65).as_bytes(), 64).is_err());
    assert!(matches!(parse(b"[]", 64, 50), Err(BadBody::Invalid(_))));
    let batch = format!("[{}]", vec!["1"; 51].join(","));
    assert!(matches!(parse(batch.as_bytes(), 64, 50), Err(BadBody::Invalid(_))));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = parse(&body, 64, 50);
    }

    #[test]
    fn what_is_accepted_is_json(body in "[\\[\\]{}\",:a1. ]{0,40}") {
        if json::check(body.as_bytes(), 64).is_ok() {
            serde_json::from_str::<serde_json::Value>(&body).unwrap();
        }
    }
}
