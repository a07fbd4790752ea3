use serde_json::{Value, json};

use super::{Extent, compare};

fn place(expected: &Value, actual: &Value, extent: Extent) -> Option<String> {
    compare("result", expected, actual, extent).map(|mismatch| mismatch.place)
}

#[test]
fn the_whole_value_or_what_is_named() {
    let actual = json!({ "id": 7, "list": [{ "a": 1, "b": 2 }] });
    let named = json!({ "list": [{ "a": 1 }] });
    assert_eq!(place(&actual, &actual, Extent::Whole), None);
    assert_eq!(place(&named, &actual, Extent::Named), None);
    assert_eq!(place(&named, &actual, Extent::Whole).as_deref(), Some("result.list.0.b"));
}

#[test]
fn the_first_difference_is_named() {
    let actual = json!({ "list": [1, 2], "name": "x" });
    for (expected, at) in [
        (json!({ "list": [1] }), "result.list"),
        (json!({ "list": [1, 3] }), "result.list.1"),
        (json!({ "name": "y" }), "result.name"),
        (json!({ "gone": 1 }), "result.gone"),
        (json!([]), "result"),
    ] {
        assert_eq!(place(&expected, &actual, Extent::Named).as_deref(), Some(at), "{expected}");
    }
}

#[test]
fn numbers_are_compared_by_value() {
    assert_eq!(place(&json!(1), &json!(1.0), Extent::Whole), None);
}
