//! JSON Schema of the configuration, whole and as a tenant sees it, with hints for a UI.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::overlay::{self, secrets};
use crate::path::KeyPath;
use crate::shape::{Shape, gateway_schema};

/// A schema and how to show its keys.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigSchema {
    /// JSON Schema, draft 2020-12.
    pub schema: Value,
    /// By key path; `*` is any key or index.
    pub ui_hints: BTreeMap<String, UiHint>,
    /// Another one wherever the schema is another one.
    pub version: String,
}

impl ConfigSchema {
    fn new(schema: Value, ui_hints: BTreeMap<String, UiHint>) -> Self {
        let digest = hex::encode(Sha256::digest(schema.to_string()));
        Self { schema, ui_hints, version: digest.chars().take(VERSION_LENGTH).collect() }
    }
}

/// Hexadecimal digits of a version.
const VERSION_LENGTH: usize = 16;

/// How one key is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UiHint {
    pub label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// True for a credential: never shown, only written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// Every key, for the operator.
pub fn full() -> ConfigSchema {
    ConfigSchema::new(gateway_schema().clone(), hints(|_| true))
}

/// The keys that an overlay may hold.
pub fn tenant() -> ConfigSchema {
    let mut schema = gateway_schema().clone();
    let root = Shape::of(gateway_schema());
    let mut properties = Map::new();
    let closed = |section: &str| {
        let mut members = Map::new();
        for key in overlay::allowed_keys(&KeyPath::of_keys([section])) {
            let path = KeyPath::of_keys([section, key]);
            let member = root.descend(&path).and_then(Shape::to_value).unwrap_or_else(|| json!({}));
            members.insert(key.to_owned(), member);
        }
        json!({"type": "object", "properties": members, "additionalProperties": false})
    };
    for section in overlay::allowed_keys(&KeyPath::root()) {
        let path = KeyPath::of_keys([section]);
        let described = if overlay::is_closed(&path) {
            closed(section)
        } else {
            root.descend(&path).and_then(Shape::to_value).unwrap_or_else(|| json!({}))
        };
        properties.insert(section.to_owned(), described);
    }
    schema["properties"] = Value::Object(properties);
    schema["title"] = json!("TenantOverlay");
    schema["description"] = json!("What a tenant may say in its `config.yaml`.");
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("$defs");
        schema.remove("default");
    }
    ConfigSchema::new(schema, hints(overlay::may_hold))
}

fn hints(shown: impl Fn(&KeyPath) -> bool) -> BTreeMap<String, UiHint> {
    let named = Shape::of(gateway_schema()).named_paths().into_iter();
    let mut hints: BTreeMap<String, UiHint> = named
        .filter(|(path, _)| shown(path))
        .map(|(path, shape)| {
            let help = shape.description().map(str::to_owned);
            let key = path.to_string();
            let name = key.rsplit('.').next().unwrap_or(&key);
            (key.clone(), UiHint { label: label(name), help, sensitive: shape.is_secret() })
        })
        .collect();
    for pattern in secrets::patterns() {
        let name = pattern.rsplit('.').find(|name| *name != "*").unwrap_or(&pattern);
        let hint = UiHint { label: label(name), help: None, sensitive: true };
        hints.insert(pattern.clone(), hint);
    }
    hints
}

/// `max_concurrent_runs` and `botToken` as people write: `Max concurrent runs`, `Bot token`.
fn label(key: &str) -> String {
    let mut label = String::new();
    for (index, letter) in key.chars().enumerate() {
        match letter {
            '_' => label.push(' '),
            letter if index == 0 => label.extend(letter.to_uppercase()),
            letter if letter.is_ascii_uppercase() => {
                label.push(' ');
                label.push(letter.to_ascii_lowercase());
            }
            letter => label.push(letter),
        }
    }
    label
}

#[cfg(test)]
mod tests;
