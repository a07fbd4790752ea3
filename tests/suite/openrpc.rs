//! What `rpc.discover` says is what `methods.golden` says: name, tier and scope of each method, and its parameters, `*`
//! where one is required, each with its type.
//!
//! The file was written from the contract of the methods, not from the manifests, so that a parameter that a handler
//! forgets, or asks for where it should not, is noticed: `contract.rs` learns from the manifest which are required.
//! Who changes it (`OPENCLAW_REWRITE=1`) compares the lines with the contract.

use openclaw_tests::{discover, golden};

use crate::contract::*;

#[test]
fn the_served_methods_are_those_of_the_contract() {
    let daemon = Daemon::start();
    let mut methods = discover::methods(&daemon.operator());
    methods.sort_by(|a, b| a.name.cmp(&b.name));
    let text: String = methods.iter().map(written).collect();
    golden::same_as("tests/suite/methods.golden", &text);
}

fn written(method: &discover::Method) -> String {
    let mut params: Vec<String> = method.params.iter().map(param).collect();
    params.sort();
    format!("{} {} {}\n{}", method.name, method.tier, method.scope, params.concat())
}

fn param(param: &discover::Param) -> String {
    let mark = if param.required { "*" } else { "" };
    format!("  {}{mark} {}\n", param.name, kind(&param.schema))
}

/// A schema's type: of a closed set of values those, of an array that of its items. Null is left out.
fn kind(schema: &Value) -> String {
    let mut kinds = kinds(schema);
    kinds.retain(|kind| kind != "null");
    kinds.sort();
    kinds.dedup();
    if kinds.is_empty() { "any".to_owned() } else { kinds.join("|") }
}

fn kinds(schema: &Value) -> Vec<String> {
    let list = |key: &str| schema[key].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if let Some(value) = schema.get("const") {
        return vec![text(value)];
    }
    if schema.get("enum").is_some() {
        return list("enum").map(text).collect();
    }
    let choices: Vec<String> = list("anyOf").chain(list("oneOf")).flat_map(kinds).collect();
    if !choices.is_empty() {
        return choices;
    }
    let types = schema["type"].as_str().into_iter().chain(list("type").filter_map(Value::as_str));
    types.map(|name| if name == "array" { format!("{}[]", kind(&schema["items"])) } else { name.to_owned() }).collect()
}

#[test]
fn kinds_are_read_from_every_form_of_a_schema() {
    assert_eq!(kind(&json!({ "type": ["string", "null"] })), "string");
    assert_eq!(kind(&json!({ "type": "array", "items": { "type": "string" } })), "string[]");
    assert_eq!(kind(&json!({ "anyOf": [{ "type": "string", "enum": ["b", "a"] }, { "type": "null" }] })), "a|b");
    assert_eq!(kind(&json!({ "oneOf": [{ "const": "x", "type": "string" }, { "enum": ["y", null] }] })), "x|y");
    assert_eq!(kind(&json!(true)), "any");
}
