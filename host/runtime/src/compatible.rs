//! Whether a manifest can take the place of another: its callers must not notice.
//!
//! Conservative: where two schemas differ in a way that is not understood here,
//! the answer is no.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::manifest::{Manifest, Method};

/// Everything that callers of `old` would miss in `new`; empty where nothing is.
pub(crate) fn differences(old: &Manifest, new: &Manifest) -> Vec<String> {
    let mut found = Vec::new();
    for (name, method) in &old.methods {
        match new.methods.get(name) {
            None => found.push(format!("the method {name} is missing")),
            Some(other) => {
                found.extend(method_differences(method, other).into_iter().map(|what| format!("{name}: {what}")));
            }
        }
    }
    found
}

fn method_differences(old: &Method, new: &Method) -> Vec<String> {
    let mut found = Vec::new();
    if old.scope != new.scope {
        found.push(format!("its scope is {}, and was {}", new.scope.name(), old.scope.name()));
    }
    let params = Pair { old_root: &old.params.document, new_root: &new.params.document };
    params.accepts("params", &old.params.document, &new.params.document, &mut found);
    let result = Pair { old_root: &old.result.document, new_root: &new.result.document };
    result.promises("result", &old.result.document, &new.result.document, &mut found);
    found
}

/// Members of a schema that say nothing of a value.
const ANNOTATIONS: &[&str] = &[
    "title",
    "description",
    "default",
    "examples",
    "$defs",
    "definitions",
    "$schema",
    "$id",
    "$comment",
    "deprecated",
];

/// Members that are compared one by one; all others must be the same, or gone.
const COMPARED: &[&str] = &["type", "enum", "const", "properties", "required", "additionalProperties", "items"];

/// Two documents, each with its own definitions.
struct Pair<'d> {
    old_root: &'d Value,
    new_root: &'d Value,
}

impl Pair<'_> {
    /// Whatever `old` let in, `new` lets in.
    fn accepts(&self, at: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
        let (old, new) = (resolve(self.old_root, old), resolve(self.new_root, new));
        if plain(self.old_root, old) == plain(self.new_root, new) || is_anything(new) {
            return;
        }
        let (Some(before), Some(after)) = (old.as_object(), new.as_object()) else {
            return found.push(format!("{at} is described in another way"));
        };
        let narrower = [
            (!types(before).is_none_or_subset_of(&types(after))).then(|| format!("{at} is of another type")),
            (!values(before).is_none_or_subset_of(&values(after))).then(|| format!("{at} takes fewer values")),
        ];
        found.extend(narrower.into_iter().flatten());
        for (key, value) in after.iter().filter(|(key, _)| !ANNOTATIONS.contains(&key.as_str())) {
            if !COMPARED.contains(&key.as_str())
                && before.get(key).map(|old| plain(self.old_root, old)) != Some(plain(self.new_root, value))
            {
                found.push(format!("{at} is narrowed by {key}"));
            }
        }
        self.accepts_members(at, before, after, found);
        if let Some(items) = after.get("items") {
            self.accepts(&format!("{at}[]"), before.get("items").unwrap_or(&Value::Bool(true)), items, found);
        }
    }

    fn accepts_members(
        &self,
        at: &str,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
        found: &mut Vec<String>,
    ) {
        let required = required(before);
        found.extend(
            self::required(after).difference(&required).map(|name| format!("{at}.{name} is required, and was not")),
        );
        let anything = Value::Bool(true);
        let others = after.get("additionalProperties").unwrap_or(&anything);
        for (name, schema) in members(before) {
            match members(after).find(|(other, _)| *other == name) {
                Some((_, new)) => self.accepts(&format!("{at}.{name}"), schema, new, found),
                None if *others == Value::Bool(false) => found.push(format!("{at}.{name} is not taken any more")),
                None => self.accepts(&format!("{at}.{name}"), schema, others, found),
            }
        }
        let were_open = before.get("additionalProperties").is_none_or(|others| *others != Value::Bool(false));
        if were_open
            && *others != Value::Bool(true)
            && before.get("additionalProperties") != after.get("additionalProperties")
        {
            found.push(format!("{at} takes no other members any more"));
        }
    }

    /// Whatever `old` promised, `new` promises; it may say more.
    fn promises(&self, at: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
        let (old, new) = (resolve(self.old_root, old), resolve(self.new_root, new));
        if plain(self.old_root, old) == plain(self.new_root, new) || is_anything(old) {
            return;
        }
        let (Some(before), Some(after)) = (old.as_object(), new.as_object()) else {
            return found.push(format!("{at} is described in another way"));
        };
        let wider = [
            (!types(after).is_none_or_subset_of(&types(before))).then(|| format!("{at} is of another type")),
            (!values(after).is_none_or_subset_of(&values(before))).then(|| format!("{at} has more values")),
        ];
        found.extend(wider.into_iter().flatten());
        for key in ["anyOf", "oneOf", "allOf"] {
            if before.get(key).map(|old| plain(self.old_root, old))
                != after.get(key).map(|new| plain(self.new_root, new))
            {
                found.push(format!("{at} differs in {key}"));
            }
        }
        let promised = required(after);
        found
            .extend(required(before).difference(&promised).map(|name| format!("{at}.{name} is not promised any more")));
        for (name, schema) in members(before) {
            match members(after).find(|(other, _)| *other == name) {
                Some((_, new)) => self.promises(&format!("{at}.{name}"), schema, new, found),
                None if required(before).contains(name) => found.push(format!("{at}.{name} is not described any more")),
                None => {}
            }
        }
        if let Some(items) = before.get("items") {
            self.promises(&format!("{at}[]"), items, after.get("items").unwrap_or(&Value::Bool(true)), found);
        }
    }
}

/// What a schema allows of a kind; none where it does not say.
struct Allowed(Option<BTreeSet<String>>);

impl Allowed {
    /// Whether all that this allows is allowed by the other.
    fn is_none_or_subset_of(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(other)) => own.is_subset(other),
        }
    }
}

/// A number includes the whole ones.
fn types(schema: &Map<String, Value>) -> Allowed {
    let mut names: BTreeSet<String> = match schema.get("type") {
        Some(Value::String(name)) => [name.clone()].into(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => return Allowed(None),
    };
    if names.contains("number") {
        names.insert("integer".into());
    }
    Allowed(Some(names))
}

fn values(schema: &Map<String, Value>) -> Allowed {
    match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(values)), _) => Allowed(Some(values.iter().map(Value::to_string).collect())),
        (_, Some(value)) => Allowed(Some([value.to_string()].into())),
        _ => Allowed(None),
    }
}

fn required(schema: &Map<String, Value>) -> BTreeSet<&str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn members(schema: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
}

fn is_anything(schema: &Value) -> bool {
    match schema {
        Value::Bool(anything) => *anything,
        Value::Object(members) => members.keys().all(|key| ANNOTATIONS.contains(&key.as_str())),
        _ => false,
    }
}

/// What a reference leads to; references that lead in circles are refused when a manifest is read.
fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
    match target.and_then(|pointer| root.pointer(pointer)) {
        Some(found) if schema.as_object().is_some_and(|schema| schema.len() == 1) => resolve(root, found),
        _ => schema,
    }
}

/// A schema without annotations and with its references followed, to be compared. `properties` names
/// members, so what stands there is no annotation.
fn plain(root: &Value, schema: &Value) -> Value {
    match resolve(root, schema) {
        Value::Object(members) => {
            let kept = members.iter().filter(|(key, _)| !ANNOTATIONS.contains(&key.as_str()));
            kept.map(|(key, value)| {
                let value = match (key.as_str(), value) {
                    ("properties", Value::Object(named)) => {
                        named.iter().map(|(name, schema)| (name.clone(), plain(root, schema))).collect()
                    }
                    ("enum" | "const" | "required", value) => value.clone(),
                    (_, value) => plain(root, value),
                };
                (key.clone(), value)
            })
            .collect()
        }
        Value::Array(items) => items.iter().map(|item| plain(root, item)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
