use serde_json::{Map, Value, json};

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

/// A manifest with methods that take and answer by this schema.
fn with_schema(methods: usize, schema: &Value) -> Result<Manifest, String> {
    let method = |number: usize| serde_json::json!({ "name": format!("crm.m{number}"), "scope": "read", "params": { "type": "object" }, "result": schema });
    let methods: Vec<Value> = (0..methods).map(method).collect();
    let manifest = serde_json::json!({ "family": "crm", "version": "1.0.0", "methods": methods });
    Manifest::parse(manifest.to_string().as_bytes())
}

fn patterns(number: usize) -> Value {
    (0..number).map(|n| serde_json::json!({ "pattern": format!("^a{n}$") })).collect()
}

#[test]
fn what_would_take_long_to_compile_is_refused_by_name() {
    let refused = |methods: usize, schema: Value| with_schema(methods, &schema).expect_err("it is too much");
    assert!(with_schema(2, &serde_json::json!({ "anyOf": patterns(64) })).is_ok(), "the same twice is one");
    assert!(refused(1, serde_json::json!({ "anyOf": patterns(65) })).contains("the result schema of crm.m0"));
    assert!(refused(300, serde_json::json!({})).contains("300 methods"));
    let many = vec![serde_json::json!(true); 4_500];
    assert!(refused(10, serde_json::json!({ "anyOf": many })).contains("the manifest's schemas"));
    // Few letters, and a large automaton.
    let large = serde_json::json!({ "pattern": "^(ab|[0-9]c)*(x?y){20000}$" });
    assert!(refused(1, large).contains("the result schema of crm.m0"));
    let text = format!(r#"{{"family": "crm", "description": "{}"}}"#, "x".repeat(600 << 10));
    assert!(Manifest::parse(text.as_bytes()).expect_err("it is too large").contains("bytes, more than"));
}

#[test]
fn a_manifests_words_are_short() {
    let refused = |rest: &str| read("crm", "crm.x", rest).expect_err(rest);
    let long = "x".repeat(3000);
    assert!(refused(&format!(r#", "description": "{long}""#)).contains("description"));
    assert!(refused(&format!(r#", "events": ["crm.{long}"]"#)).contains("events"));
    assert!(refused(r#", "description": "\u001b[2J""#).contains("control characters"));
    let version = |version: &str| {
        let text = format!(
            r#"{{"family": "crm", "version": "{version}", "methods":
                [{{"name": "crm.x", "scope": "read", "params": {{"type": "object"}}, "result": {{}}}}]}}"#
        );
        Manifest::parse(text.as_bytes())
    };
    assert!(version("1.0.0-rc.1").is_ok());
    assert!(version(&long).expect_err("it is long").contains("SemVer"));
    let scope = read("crm", "crm.x", &format!(r#", "methods": "{}""#, "x".repeat(100_000)));
    assert!(scope.expect_err("it is no list").len() < 5_000, "an error has few of its words");
}

#[test]
fn a_value_that_would_take_long_to_check_is_refused() {
    let parts = vec![serde_json::json!({ "maxLength": 9 }); 2_000];
    let manifest = with_schema(1, &serde_json::json!({ "items": { "allOf": parts } })).expect("a manifest");
    let schema = &manifest.methods["crm.m0"].result;
    assert!(schema.is_short(&serde_json::json!(["a"])));
    let values = |number: usize| Value::from(vec!["a"; number]);
    assert!(!schema.is_short(&values(10)));
    assert_eq!(schema.check_long(&values(10)), Ok(()));
    assert!(schema.check_long(&values(6_000)).expect_err("it is too much").contains("too much"));
    // What is refused within the limit is told of, as long as that takes little.
    let wrong = schema.check_long(&serde_json::json!(["a", "aaaaaaaaaa"])).expect_err("it is too long");
    assert!(wrong.starts_with("1: "), "{wrong}");
}

#[test]
fn a_name_that_a_schema_does_not_know_is_told_those_that_it_knows() {
    let inner = json!({ "type": "object", "properties": { "x": {}, "y": {} }, "additionalProperties": false });
    let schema = Schema::compile(json!({
        "type": "object", "properties": { "key": {}, "label": {}, "at": inner }, "additionalProperties": false,
    }))
    .unwrap();
    let unexpected = "Additional properties are not allowed ('keyy' was unexpected)";
    let told = schema.check(&json!({ "keyy": 1 })).unwrap_err();
    assert_eq!(told, format!("{unexpected}; it takes at, key, label"));
    let told = schema.check(&json!({ "at": { "keyy": 1 } })).unwrap_err();
    assert_eq!(told, format!("at: {unexpected}; it takes x, y"));
    let none = Schema::compile(json!({ "properties": {}, "additionalProperties": false })).unwrap();
    assert_eq!(none.check(&json!({ "keyy": 1 })).unwrap_err(), format!("{unexpected}; it takes none"));
    let has = |schema: Value| Schema::compile(schema).unwrap().check(&json!({ "keyy": 1 })).unwrap_err();
    let patterns = json!({ "properties": {}, "patternProperties": { "^x": {} }, "additionalProperties": false });
    assert!(!has(patterns).contains("it takes"), "of names by a pattern there is no list");
    let many: Map<String, Value> = (0..300).map(|number| (format!("name{number}"), json!({}))).collect();
    assert!(!has(json!({ "properties": many, "additionalProperties": false })).contains("it takes"));
}
