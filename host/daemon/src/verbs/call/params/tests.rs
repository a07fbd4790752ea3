use proptest::prelude::*;
use serde_json::{Value, json};

use super::parse;

fn words(line: &[&str]) -> Result<Value, String> {
    let words: Vec<String> = line.iter().map(ToString::to_string).collect();
    parse(&words).map_err(|error| error.message)
}

#[test]
fn no_words_are_no_parameters() {
    assert_eq!(words(&[]), Ok(json!({})));
}

#[test]
fn a_value_is_json_where_it_can_be() {
    let params = words(&["limit=5", "label=five", "all=true", "keys=[\"a\"]", "id=\"5\"", "note=a=b", "empty="]);
    let expected = json!({
        "limit": 5, "label": "five", "all": true, "keys": ["a"], "id": "5", "note": "a=b", "empty": "",
    });
    assert_eq!(params, Ok(expected));
}

#[test]
fn dots_nest() {
    assert_eq!(words(&["patch.a.b=1", "patch.c=x"]), Ok(json!({ "patch": { "a": { "b": 1 }, "c": "x" } })));
}

#[test]
fn one_object_is_taken_as_it_is() {
    assert_eq!(words(&[r#" {"a.b": 1}"#]), Ok(json!({ "a.b": 1 })));
}

#[test]
fn what_is_neither_is_refused() {
    for line in
        [&["word"][..], &["=x"], &["a..b=1"], &["a=1", "a=2"], &["a=1", "a.b=2"], &["{nonsense"], &["a=1", "{}"]]
    {
        assert!(words(line).is_err(), "{line:?}");
    }
}

proptest! {
    #[test]
    fn any_string_survives_as_a_quoted_value(text in ".*") {
        let word = format!("key={}", Value::from(text.as_str()));
        prop_assert_eq!(parse(&[word]).map_err(|error| error.message), Ok(json!({ "key": text })));
    }
}
