use super::*;
use serde_json::{Value, json};

fn document(key: &str, value: &Value) -> Document {
    Document { key: key.into(), value: value.to_string().into_bytes(), version: 7, rank: 0 }
}

#[test]
fn a_session_goes_with_its_transcript() {
    let row = json!({ "key": "agent:helper:main", "kind": "direct", "updatedAt": 1, "sessionId": "01J" });
    let removal = Removal::of_session(document("agent:helper:main", &row)).expect("a row");
    let log = Some("transcript:01J".into());
    assert_eq!(removal, Removal::Session { key: "agent:helper:main".into(), version: 7, log });
}

#[test]
fn a_session_that_never_spoke_has_no_transcript() {
    let removal = Removal::of_session(document("agent:helper:main", &json!({ "updatedAt": 1 }))).expect("a row");
    assert_eq!(removal, Removal::Session { key: "agent:helper:main".into(), version: 7, log: None });
}

#[test]
fn an_archive_goes_with_the_lines_that_it_names() {
    let archived = json!({ "sessionKey": "agent:helper:main", "sessionId": "01J", "log": "archive:01J:9", "reason": "bak", "archivedAtMs": 9 });
    let removal =
        Removal::of_archive(document("01J.jsonl.bak.9", &archived), &prefix_of("helper")).expect("an archive");
    let expected = Removal::Archive { name: "01J.jsonl.bak.9".into(), version: 7, log: "archive:01J:9".into() };
    assert_eq!(removal, Some(expected));
}

#[test]
fn an_agent_whose_id_begins_alike_keeps_its_archives() {
    let archived = json!({ "sessionKey": "agent:helper:main", "log": "transcript:01J" });
    let removal = Removal::of_archive(document("a", &archived), &prefix_of("help")).expect("an archive");
    assert_eq!(removal, None);
}
