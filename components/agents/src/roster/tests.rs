use super::Own;
use openclaw_sdk::agents::Entry;
use serde_json::json;

#[test]
fn only_what_changed_is_written() {
    let overlay = json!({"agents": {"list": [{"id": "a", "tools": {"deny": ["exec"]}}]}, "bindings": [1]});
    let mut own = Own::of(&overlay);
    own.agents.push(Entry::from_iter([("id".into(), json!("b"))]));
    let expected = json!({"agents": {"list": [{"id": "a", "tools": {"deny": ["exec"]}}, {"id": "b"}]}});
    assert_eq!(own.patch(&overlay), expected);
}

#[test]
fn nothing_changed_is_an_empty_patch() {
    let overlay = json!({"bindings": [{"agentId": "a"}]});
    assert_eq!(Own::of(&overlay).patch(&overlay), json!({}));
}

#[test]
fn an_empty_list_gives_way_to_the_gateways() {
    let overlay = json!({"agents": {"list": [{"id": "a"}]}});
    let own = Own::default();
    assert_eq!(own.patch(&overlay), json!({"agents": {"list": null}}));
}
