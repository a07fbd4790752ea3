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

#[test]
fn a_foreign_component_takes_no_family_of_the_gateways() {
    let foreign =
        |family: &str, method: &str| read(family, method, "").and_then(|manifest| manifest.check_foreign(None));
    assert_eq!(foreign("crm", "crm.find"), Ok(()));
    for family in OWN_FAMILIES {
        // Two of ours name their methods in the singular.
        let word = match *family {
            "devices" | "nodes" => family.trim_end_matches('s'),
            other => other,
        };
        let refused = foreign(family, &format!("{word}.find")).expect_err(family);
        assert!(refused.contains(family) && refused.contains("the gateway's own"), "{refused}");
    }
}

#[test]
fn a_foreign_component_is_not_named_like_an_event_or_method_of_the_gateways() {
    for name in ["presence", "tick", "heartbeat", "shutdown", "chat", "agent", "tenant", "device", "node", "exec"] {
        assert!(OWN_FAMILIES.contains(&name), "{name}");
    }
}

#[test]
fn a_foreign_component_publishes_under_its_own_name() {
    let foreign = |event: &str| {
        read("crm", "crm.find", &format!(r#", "events": ["crm.found", "{event}"]"#))
            .and_then(|manifest| manifest.check_foreign(None))
    };
    assert_eq!(foreign("crm.lost"), Ok(()));
    for event in ["chat", "sessions.changed", "voicewake.changed", "crm", "crmx.changed", "shutdown"] {
        let refused = foreign(event).expect_err(event);
        assert!(refused.contains(event), "{refused}");
    }
}

#[test]
fn a_foreign_components_methods_are_of_no_tier_of_the_gateways() {
    let text = |tier: &str| {
        format!(
            r#"{{"family": "crm", "version": "1.0.0", "methods":
                [{{"name": "crm.x", "scope": "read", "tier": "{tier}", "params": {{"type": "object"}}, "result": {{}}}}]}}"#
        )
    };
    for tier in ["core", "companion"] {
        let manifest = Manifest::parse(text(tier).as_bytes()).expect("a manifest");
        assert!(manifest.check_foreign(None).is_err(), "{tier}");
    }
    assert!(Manifest::parse(text("admin").as_bytes()).is_err(), "no component has the operator's");
}

#[test]
fn a_method_belongs_to_its_family() {
    for method in ["crm.find", "crm"] {
        assert!(read("crm", method, "").is_ok(), "{method}");
    }
    for method in ["sessions.list", "crmx.find", "crm find", "", "chat.send"] {
        assert!(read("crm", method, "").is_err(), "{method}");
    }
}

#[test]
fn the_tenant_that_a_call_names_is_a_parameter_of_tenants_alone() {
    let params = serde_json::json!({ "tenantId": "a" });
    for (method, named) in [("tenants.rotate", true), ("tenants", true), ("tenantsx.y", false), ("crm.find", false)] {
        assert_eq!(named_tenant(method, &params).is_some(), named, "{method}");
    }
    for (method, administers) in [("tenants.delete", true), ("config.set", true), ("crm.config", false)] {
        assert_eq!(super::administers(method), administers, "{method}");
    }
}
