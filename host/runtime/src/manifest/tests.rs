use super::*;

/// A manifest of this family with one method; `rest` holds more members.
fn read(family: &str, method: &str, rest: &str) -> Result<Manifest, String> {
    let text = format!(
        r#"{{"family": "{family}", "version": "1.0.0", "methods":
            [{{"name": "{method}", "scope": "read", "params": {{"type": "object"}}, "result": {{}}}}]{rest}}}"#
    );
    Manifest::parse(text.as_bytes())
}

fn shared(entries: &str) -> Result<Vec<SharedCollection>, String> {
    read("crm", "crm.x", &format!(r#", "sharedDocuments": [{entries}]"#)).map(|manifest| manifest.shared_documents)
}

#[test]
fn a_shared_collection_is_read_unless_it_says_write() {
    let access = |entry: &str| shared(entry).map(|shared| shared[0].access);
    assert_eq!(access(r#"{"family": "sessions", "collection": "notes"}"#), Ok(Access::Read));
    assert_eq!(access(r#"{"family": "sessions", "collection": "notes", "access": "read"}"#), Ok(Access::Read));
    assert_eq!(access(r#"{"family": "sessions", "collection": "notes", "access": "write"}"#), Ok(Access::Write));
    assert!(access(r#"{"family": "sessions", "collection": "notes", "access": "all"}"#).is_err());
}

#[test]
fn a_shared_collections_name_cannot_look_like_a_grant_to_write() {
    let refused = shared(r#"{"family": "sessions", "collection": "notes:write"}"#).expect_err("it has a colon");
    assert!(refused.contains("notes:write"), "{refused}");
}

#[test]
fn writing_is_of_the_collection_and_the_logs_of_its_name() {
    let family = |name: &str| name.parse::<Family>().expect("a family");
    let shared = shared(
        r#"{"family": "sessions", "collection": "transcript", "access": "write"},
            {"family": "sessions", "collection": "notes"}"#,
    )
    .expect("a manifest");
    let [transcript, notes] = &shared[..] else { panic!("{shared:?}") };
    let sessions = family("sessions");
    assert!(transcript.reads("sessions", "transcript") && transcript.writes(&sessions, "transcript"));
    for log in ["transcript", "transcript:01J", "transcript:"] {
        assert!(transcript.writes_log(&sessions, log), "{log}");
    }
    for log in ["transcripts:01J", "transcript-01J", "archive:transcript:1", ":transcript", ""] {
        assert!(!transcript.writes_log(&sessions, log), "{log}");
    }
    assert!(!transcript.writes_log(&family("cron"), "transcript:01J"), "another family's");
    assert!(notes.reads("sessions", "notes"));
    assert!(!notes.writes(&sessions, "notes") && !notes.writes_log(&sessions, "notes:1"), "granted for reading");
}
