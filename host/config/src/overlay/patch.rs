//! JSON merge patch, RFC 7396.

use serde_json::{Map, Value};

/// Applies a merge patch: objects are patched member by member, `null` deletes, anything else
/// replaces.
pub fn apply_patch(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (key, change) in changes {
        if change.is_null() {
            members.remove(key);
        } else {
            apply_patch(members.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}
