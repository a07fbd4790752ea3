//! Environment variables and flags: their names, and how their text becomes a value.

use serde_json::Value;

use super::{Layers, Source, Warning};
use crate::path::{KeyPath, Segment};
use crate::shape::{Shape, closest, gateway_schema};
use crate::text;

/// Variables of this prefix that are no keys of the configuration.
pub const RESERVED: [&str; 3] = ["OPENCLAW_HOME", "OPENCLAW_TOKEN", "OPENCLAW_URL"];

/// The variable that sets a key: `gateway.listen` is `OPENCLAW_GATEWAY_LISTEN`. `None` for a path
/// through a list.
pub fn variable(key: &KeyPath) -> Option<String> {
    let mut name = String::from("OPENCLAW");
    for segment in key.segments() {
        let Segment::Key(key) = segment else { return None };
        name.push('_');
        name.push_str(&key.to_uppercase());
    }
    Some(name)
}

/// Sets every key that a variable names. A variable that names none is told of and no error: others
/// set such variables too (a cluster does, for a service called `openclaw`).
pub(super) fn apply(layers: &mut Layers, env: impl IntoIterator<Item = (String, String)>) {
    let mut ours: Vec<(String, String)> = env
        .into_iter()
        .filter(|(name, _)| name.starts_with("OPENCLAW_") && !RESERVED.contains(&name.as_str()))
        .collect();
    // Sections before what lies in them, whatever order the system hands them over in.
    ours.sort();
    if ours.is_empty() {
        return;
    }
    let paths = Shape::of(gateway_schema()).named_paths();
    for (name, text) in ours {
        let key = paths.iter().find(|(path, _)| variable(path).as_deref() == Some(name.as_str()));
        if let Some((path, shape)) = key {
            layers.set(path.clone(), *shape, &text, Source::Env { name });
        } else {
            layers.warnings.push(unknown(name, &paths));
        }
    }
}

fn unknown(name: String, paths: &[(KeyPath, Shape<'_>)]) -> Warning {
    let known: Vec<String> = paths.iter().filter_map(|(path, _)| variable(path)).collect();
    let known = known.iter().map(String::as_str).chain(RESERVED);
    let meant = closest(&name, known).map(|known| format!(" (did you mean {known}?)"));
    let message = format!("no key of the configuration has this variable: it is ignored{}", meant.unwrap_or_default());
    Warning { source_of: Source::Env { name }, key: KeyPath::root(), message }
}

/// The value that a text stands for at a place of this shape. What does not fit stays a text, for
/// the check to complain about.
pub(super) fn read(shape: Shape<'_>, text: &str) -> Value {
    if shape.allows_type("string") || shape.choices().is_some() {
        return Value::from(text);
    }
    let is_list = shape.allows_type("array");
    if is_list && !text.trim_start().starts_with('[') {
        return text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect();
    }
    match text::parse(text) {
        Ok(document) if !document.value().is_null() => document.into_value(),
        _ => Value::from(text),
    }
}
