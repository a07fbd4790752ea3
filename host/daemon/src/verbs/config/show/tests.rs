use serde_json::json;

use super::difference;

#[test]
fn only_what_was_changed_is_left() {
    let defaults = json!({ "a": { "b": 1, "c": 2 }, "d": [1], "e": {} });
    let value = json!({ "a": { "b": 1, "c": 3 }, "d": [1, 2], "e": {}, "f": true });
    assert_eq!(difference(value, &defaults), Some(json!({ "a": { "c": 3 }, "d": [1, 2], "f": true })));
    assert_eq!(difference(defaults.clone(), &defaults), None);
}
