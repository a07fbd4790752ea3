use serde_json::{Value, json};

use super::*;

fn manifest(params: Value, result: Value) -> Manifest {
    let text = json!({
        "family": "crm", "version": "1.0.0",
        "methods": [{ "name": "crm.x", "scope": "read", "params": params, "result": result }],
    });
    Manifest::parse(text.to_string().as_bytes()).expect("a manifest")
}

fn closed(properties: Value, required: Value) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn params(old: Value, new: Value) -> Vec<String> {
    differences(&manifest(old, json!({})), &manifest(new, json!({})))
}

fn result(old: Value, new: Value) -> Vec<String> {
    let params = closed(json!({}), json!([]));
    differences(&manifest(params.clone(), old), &manifest(params, new))
}

#[test]
fn the_same_schema_in_other_words_is_compatible() {
    let old = json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/a" } }, "$defs": { "a": { "type": "string" } } });
    let new = json!({ "type": "object", "properties": { "a": { "type": "string", "description": "It." } } });
    assert_eq!(params(old.clone(), new.clone()), [""; 0]);
    assert_eq!(result(old, new), [""; 0]);
}

#[test]
fn params_may_take_more() {
    let text = json!({ "type": "string" });
    let old = closed(json!({ "a": text, "n": { "type": "integer", "minimum": 1 } }), json!(["a", "n"]));
    let new =
        closed(json!({ "a": { "type": ["string", "null"] }, "n": { "type": "number" }, "b": text }), json!(["a"]));
    assert_eq!(params(old, new), [""; 0]);
}

#[test]
fn params_may_not_take_less() {
    let old = || closed(json!({ "a": { "type": "string" }, "b": { "enum": ["x", "y"] } }), json!(["a"]));
    let with = |properties, required| params(old(), closed(properties, required));
    let b = json!({ "enum": ["x", "y"] });
    assert_eq!(with(json!({ "b": b }), json!([])), ["crm.x: params.a is not taken any more"]);
    assert_eq!(
        with(json!({ "a": { "type": "string" }, "b": b }), json!(["a", "b"])),
        ["crm.x: params.b is required, and was not"]
    );
    assert_eq!(
        with(json!({ "a": { "type": "integer" }, "b": b }), json!(["a"])),
        ["crm.x: params.a is of another type"]
    );
    assert_eq!(
        with(json!({ "a": { "type": "string" }, "b": { "enum": ["x"] } }), json!(["a"])),
        ["crm.x: params.b takes fewer values"]
    );
    assert_eq!(
        with(json!({ "a": { "type": "string", "maxLength": 3 }, "b": b }), json!(["a"])),
        ["crm.x: params.a is narrowed by maxLength"]
    );
    let open = json!({ "type": "object" });
    assert_eq!(params(open, closed(json!({}), json!([]))), ["crm.x: params takes no other members any more"]);
}

#[test]
fn a_result_may_say_more_and_not_less() {
    let old = || closed(json!({ "a": { "type": "string" }, "b": { "type": "integer" } }), json!(["a"]));
    let more = closed(json!({ "a": { "type": "string" }, "b": { "type": "integer" }, "c": {} }), json!(["a", "b"]));
    assert_eq!(result(old(), more), [""; 0]);
    let less = closed(json!({ "a": { "type": "string" } }), json!([]));
    assert_eq!(result(old(), less), ["crm.x: result.a is not promised any more"]);
    let other = closed(json!({ "a": { "type": ["string", "null"] } }), json!(["a"]));
    assert_eq!(result(old(), other), ["crm.x: result.a is of another type"]);
}

#[test]
fn methods_stay_and_keep_their_scope() {
    let text = |methods: Value| {
        let text = json!({ "family": "crm", "version": "1.0.0", "methods": methods });
        Manifest::parse(text.to_string().as_bytes()).expect("a manifest")
    };
    let method =
        |name: &str, scope: &str| json!({ "name": name, "scope": scope, "params": { "type": "object" }, "result": {} });
    let old = text(json!([method("crm.a", "write")]));
    assert_eq!(differences(&old, &text(json!([method("crm.a", "write"), method("crm.b", "read")]))), [""; 0]);
    assert_eq!(differences(&old, &text(json!([method("crm.b", "write")]))), ["the method crm.a is missing"]);
    assert_eq!(differences(&old, &text(json!([method("crm.a", "read")]))), ["crm.a: its scope is read, and was write"]);
}
