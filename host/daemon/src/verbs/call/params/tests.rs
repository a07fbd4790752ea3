use proptest::prelude::*;
use serde_json::{Value, json};

use super::Words;

fn typed(line: &[&str], method: Option<&Value>) -> Result<Value, String> {
    let words: Vec<String> = line.iter().map(ToString::to_string).collect();
    let words = Words::read(&words).map_err(|error| error.message)?;
    words.into_params(method).map_err(|error| error.message)
}

fn words(line: &[&str]) -> Result<Value, String> {
    typed(line, None)
}

#[test]
fn no_words_are_no_parameters() {
    assert_eq!(words(&[]), Ok(json!({})));
}

#[test]
fn a_value_is_json_where_it_can_be_and_the_method_is_not_known() {
    let params = words(&["limit=5", "label=five", "all=true", "keys=[\"a\"]", "id=\"5\"", "note=a=b", "empty="]);
    let expected = json!({
        "limit": 5, "label": "five", "all": true, "keys": ["a"], "id": "5", "note": "a=b", "empty": "",
    });
    assert_eq!(params, Ok(expected));
}

#[test]
fn a_number_is_a_string_where_the_method_wants_a_string() {
    let method = json!({ "params": [
        { "name": "label", "schema": { "type": ["string", "null"] } },
        { "name": "name", "schema": { "$ref": "#/$defs/Name", "$defs": { "Name": { "type": "string" } } } },
        { "name": "mode", "schema": { "enum": ["1", "2"] } },
        { "name": "limit", "schema": { "type": "integer" } },
        { "name": "share", "schema": { "anyOf": [{ "type": "number" }, { "type": "string" }] } },
        { "name": "any", "schema": true },
        { "name": "patch", "schema": { "type": "object", "properties": { "title": { "type": "string" } } } },
    ] });
    let line = [
        "label=123",
        "name=true",
        "mode=1",
        "limit=5",
        "share=0.5",
        "any=1",
        "patch.title=42",
        "patch.other=42",
        "unknown=7",
    ];
    let expected = json!({
        "label": "123", "name": "true", "mode": "1", "limit": 5, "share": 0.5, "any": 1,
        "patch": { "title": "42", "other": 42 }, "unknown": 7,
    });
    assert_eq!(typed(&line, Some(&method)), Ok(expected));
    assert_eq!(typed(&["label=null"], Some(&method)), Ok(json!({ "label": null })), "null clears");
    assert_eq!(typed(&["label=\"null\""], Some(&method)), Ok(json!({ "label": "null" })));
    assert_eq!(
        typed(&["limit=five"], Some(&method)),
        Ok(json!({ "limit": "five" })),
        "the gateway names what is wrong"
    );
}

#[test]
fn the_method_is_asked_only_where_it_matters() {
    for (line, ambiguous) in [("label=x", false), ("label=\"5\"", false), ("label=5", true), ("{\"a\":5}", false)] {
        let words = [line.to_owned()];
        assert_eq!(Words::read(&words).expect(line).are_ambiguous(), ambiguous, "{line}");
    }
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
        prop_assert_eq!(words(&[&word]), Ok(json!({ "key": text })));
    }
}
