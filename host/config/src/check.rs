//! A value against a schema: all unknown keys, wrong types and values out of range at once.
//!
//! No finding repeats a value, so that none can give a secret away.

use serde_json::Value;

use crate::path::KeyPath;
use crate::shape::{Shape, closest};

/// One thing that is wrong at one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: KeyPath,
    pub(crate) message: String,
    /// What was probably meant.
    pub(crate) suggestion: Option<String>,
}

/// Everything that is wrong, in the order of the keys.
pub(crate) fn check(shape: Shape<'_>, value: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    visit(shape, value, &KeyPath::root(), &mut findings);
    findings
}

fn visit(shape: Shape<'_>, value: &Value, path: &KeyPath, findings: &mut Vec<Finding>) {
    let found = |message: String| Finding { path: path.clone(), message, suggestion: None };
    if let Some(choices) = shape.choices() {
        if !value.as_str().is_some_and(|text| choices.contains(&text)) {
            let suggestion = value.as_str().and_then(|text| closest(text, choices.iter().copied()));
            let message = format!("{path} must be one of {}", choices.join(", "));
            findings.push(Finding { suggestion: suggestion.map(str::to_owned), ..found(message) });
        }
        return;
    }
    let branches = shape.branches();
    let Some(branch) = branches.iter().copied().find(|branch| has_type(*branch, value)) else {
        // An empty section (`cron:` with every key commented out) says nothing.
        if !(value.is_null() && shape.allows_type("object")) {
            findings.push(found(wrong_type(&branches, value, path)));
        }
        return;
    };
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let path = path.key(key);
                match branch.member(key) {
                    Some(shape) => visit(shape, member, &path, findings),
                    None => findings.push(unknown_key(branch, key, path)),
                }
            }
            let required = branch.keyword("required").and_then(Value::as_array);
            for key in required.into_iter().flatten().filter_map(Value::as_str) {
                if !members.contains_key(key) {
                    findings.push(found(format!("{} is missing", path.key(key))));
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit(branch.element(), item, &path.index(index), findings);
            }
        }
        Value::Number(number) => findings.extend(out_of_range(branch, number.as_f64(), path).map(found)),
        _ => {}
    }
}

fn unknown_key(shape: Shape<'_>, key: &str, path: KeyPath) -> Finding {
    let suggestion = closest(key, shape.listed_keys()).map(str::to_owned);
    Finding { message: format!("unknown key {path}"), path, suggestion }
}

fn has_type(shape: Shape<'_>, value: &Value) -> bool {
    let mut types = shape.types().peekable();
    types.peek().is_none()
        || types.any(|kind| match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            _ => false,
        })
}

fn wrong_type(branches: &[Shape<'_>], value: &Value, path: &KeyPath) -> String {
    if value.is_null() {
        return format!("{path} has no value; remove the key to have the default");
    }
    let expected: Vec<&str> = branches.iter().flat_map(|branch| branch.types()).map(type_name).collect();
    let hint = if value.is_number() && expected.contains(&"a text") { " (put it in quotes)" } else { "" };
    let found = match value {
        Value::Object(_) => "a mapping",
        Value::Array(_) => "a list",
        Value::String(_) => "a text",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "a number",
        _ => "true or false",
    };
    let path = if path.segments().is_empty() { "the whole".to_owned() } else { path.to_string() };
    format!("{path} must be {}, not {found}{hint}", expected.join(" or "))
}

fn type_name(kind: &str) -> &str {
    match kind {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        _ => "a number",
    }
}

fn out_of_range(shape: Shape<'_>, number: Option<f64>, path: &KeyPath) -> Option<String> {
    let number = number?;
    let bound = |name| shape.keyword(name).and_then(Value::as_f64);
    let (least, most) = (bound("minimum"), bound("maximum"));
    if let Some(least) = least.filter(|least| number < *least) {
        return Some(format!("{path} must be at least {least}"));
    }
    most.filter(|most| number > *most).map(|most| format!("{path} must be at most {most}"))
}
