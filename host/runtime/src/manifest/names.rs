//! The names that an object may have, for whoever wrote another one.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};

use crate::error::printable;

/// Of longer lists nothing is told: `rpc.discover` has them.
const TOLD_BYTES: usize = 300;

/// What a schema takes in the place of names that it does not know; empty where that is not at hand.
pub(super) fn taken_instead(document: &Value, error: &ValidationError<'_>) -> String {
    let ValidationErrorKind::AdditionalProperties { .. } = error.kind() else { return String::new() };
    let keyword = error.schema_path().to_string();
    let object = keyword.rsplit_once('/').and_then(|(object, _)| document.pointer(object));
    // Of names by a pattern there is no list.
    let object = object.filter(|object| object.get("patternProperties").is_none());
    let properties = object.and_then(|object| object.get("properties")?.as_object());
    // Looked at first: a schema may have thousands.
    let are_few = |names: &&Map<String, Value>| names.keys().map(|name| name.len() + 2).sum::<usize>() <= TOLD_BYTES;
    match properties.filter(are_few) {
        None => String::new(),
        Some(names) if names.is_empty() => "; it takes none".to_owned(),
        Some(names) => {
            let names: Vec<_> = names.keys().map(String::as_str).collect();
            format!("; it takes {}", printable(&names.join(", ")))
        }
    }
}
