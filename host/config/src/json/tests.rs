use serde_json::json;

use super::*;

#[test]
fn a_private_key_of_the_parser_is_refused_at_any_depth() {
    for text in [r#"{"$serde_json::private::RawValue":"[[[[1]]]]"}"#, r#"[{"\u0024serde_json::private::Number":"1"}]"#]
    {
        let error = read(text.as_bytes(), 64).unwrap_err().to_string();
        assert!(error.contains("is reserved"), "{error}");
    }
}

#[test]
fn what_json_holds_is_what_is_read() {
    let text = br#"{"a":[null,true,-1,18446744073709551615,1.5,"\u0041"],"b":{}}"#;
    assert_eq!(read(text, 8).unwrap(), json!({"a":[null,true,-1,u64::MAX,1.5,"A"],"b":{}}));
}

#[test]
fn depth_size_and_duplicate_keys_are_refused() {
    assert!(read(b"[[[]]]", 3).is_ok());
    assert!(read(b"[[[[]]]]", 3).is_err());
    assert!(read(br#"{"a":1,"\u0061":2}"#, 3).is_err());
    assert!(read(b"[] []", 3).is_err());
    let long = format!("[{}0]", "0,".repeat(VALUES_MAX));
    assert!(read(long.as_bytes(), 3).is_err());
}

#[test]
fn what_is_checked_is_what_is_read() {
    for text in [
        "{}",
        r#"{"a":{"b":1,"\u0062":2}}"#,
        "[[[[]]]]",
        "[[[]]]",
        "1 2",
        "",
        "[1,]",
        r#"[{"$serde_json::private::Number":"1"}]"#,
    ] {
        assert_eq!(check(text.as_bytes(), 3).is_ok(), read(text.as_bytes(), 3).is_ok(), "{text}");
    }
}
