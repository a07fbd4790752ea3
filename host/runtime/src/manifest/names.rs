//! The names that an object may have, for whoever wrote another one.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

/// Of longer lists nothing is told: `rpc.discover` has them.
const TOLD_BYTES: usize = 300;

/// What a schema takes in the place of names that it does not know; empty where that is not at hand.
pub(super) fn taken_instead(document: &Value, error: &ValidationError<'_>) -> String {
    let ValidationErrorKind::AdditionalProperties { .. } = error.kind() else { return String::new() };
    let keyword = error.schema_path().to_string();
    let object = keyword.rsplit_once('/').and_then(|(object, _)| document.pointer(object));
    let properties = object.and_then(|object| object.get("properties")?.as_object());
    let names = properties.map(|names| names.keys().map(String::as_str).collect::<Vec<_>>().join(", "));
    match names.filter(|names| names.len() <= TOLD_BYTES) {
        None => String::new(),
        Some(names) if names.is_empty() => "; it takes none".to_owned(),
        Some(names) => format!("; it takes {names}"),
    }
}
