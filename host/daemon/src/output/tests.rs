use serde_json::json;

use super::{flatten, printable, table};

#[test]
fn a_tenants_text_cannot_steer_the_terminal() {
    assert_eq!(printable("a\u{1b}[2Jb\u{9b}c\td"), "a\u{fffd}[2Jb\u{fffd}c\td");
}

#[test]
fn columns_are_aligned() {
    let rows = [vec!["demo".to_owned(), "active".to_owned()], vec!["a".to_owned(), "-".to_owned()]];
    assert_eq!(table(&["TENANT", "STATE"], &rows), "TENANT  STATE\ndemo    active\na       -\n");
}

#[test]
fn nested_members_are_named_by_their_path() {
    let mut rows = Vec::new();
    flatten("", &json!({ "a": { "b": 1, "c": {} }, "d": null }), &mut rows);
    let rows: Vec<_> = rows.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(rows, ["a.b=1", "a.c=-", "d=-"]);
}
