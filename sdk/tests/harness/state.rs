//! What a handler keeps, the test can look into; what it finds, the test can lay there.

use crate::{call, refused, tenant};
use openclaw_sdk::testing::Usage;
use serde_json::{Value, json};

#[test]
fn documents_are_those_of_the_family() {
    let tenant = tenant();
    assert_eq!(call(&tenant, "probe.keep", json!({"text": "a"})), Ok(json!(1)));
    assert_eq!(call(&tenant, "probe.keep", json!({"text": "b"})), Ok(json!(2)));
    let error = refused(&tenant, "probe.keep", json!({"text": "a"}));
    assert_eq!((error.code.as_str(), error.data.as_deref()), ("CONFLICT", Some(r#"{"current":1,"key":"a"}"#)));
    assert_eq!(tenant.database("probe").collection("texts").get("b"), Ok(Some("b".to_owned())));
    assert_eq!(tenant.database("other").collection("texts").count(""), Ok(0));
}

#[test]
fn another_familys_documents_are_those_that_the_manifest_names() {
    let tenant = tenant();
    let sessions = tenant.database("sessions");
    let seeded = sessions.transaction().put("sessions", "old", &1, 1).and_then(|it| it.put("sessions", "new", &2, 2));
    seeded.and_then(openclaw_sdk::documents::Transaction::commit).unwrap();
    assert_eq!(call(&tenant, "probe.sessions", json!({})), Ok(json!(["new", "old"])));

    assert_eq!(call(&tenant, "probe.archive", json!({"text": "archives:1"})), Ok(json!([1])));
    assert_eq!(sessions.log_length("archives:1"), Ok(1));
    let error = refused(&tenant, "probe.archive", json!({"text": "transcript:1"}));
    assert_eq!(error.message, "writing sessions/transcript:1 is not granted");
}

#[test]
fn files_are_those_of_the_family() {
    let tenant = tenant();
    assert_eq!(call(&tenant, "probe.file", json!({"text": "a/b/one"})), Ok(json!(["one"])));
    assert_eq!(call(&tenant, "probe.file", json!({"text": "a/two"})), Ok(json!(["b", "two"])));
    assert_eq!(tenant.files("probe").read("a/two", 100), Ok(Some(b"content".to_vec())));
    assert_eq!(tenant.files("probe").read_part("a/two", 3, 2), Ok(Some(b"te".to_vec())));
    assert_eq!(tenant.files("probe").read_part("a/three", 0, 2), Ok(None));
    let page = tenant.files("probe").list_page("a", Some("b"), 10).unwrap();
    assert_eq!(page.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["two"]);
    assert_eq!(refused(&tenant, "probe.file", json!({"text": "../out"})).code, "INVALID_REQUEST");
}

#[test]
fn the_configuration_is_the_tenants_over_the_gateways() {
    let tenant = tenant()
        .with_config(json!({"tts": {"voice": "a"}}))
        .with_gateway_config(json!({"gateway": {"port": 1}}), &["gateway"]);
    assert_eq!(call(&tenant, "probe.configure", json!({"text": "quiet"})), Ok(json!(true)));
    let error = refused(&tenant, "probe.configure", json!({"text": "gateway"}));
    assert_eq!(error.code, "INVALID_REQUEST");
    assert!(error.data.is_some_and(|data| data.contains(r#""offences":[{"path":"gateway""#)));

    let damaged = tenant.with_damaged_config("line 3: what is this?");
    let error = refused(&damaged, "probe.configure", json!({"text": "quiet"}));
    assert_eq!(error.code, "UNAVAILABLE", "{error:?}");
}

#[test]
fn a_secret_is_kept_for_its_family() {
    let tenant = tenant().with_secret("other", "key", b"not yours");
    assert_eq!(call(&tenant, "probe.secret", json!({"text": "s"})), Ok(json!([115])));
    assert_eq!(tenant.secret("probe", "key").as_deref(), Some(&b"s"[..]));
    assert_eq!(tenant.secret("other", "key").as_deref(), Some(&b"not yours"[..]));
}

#[test]
fn events_and_log_lines_are_kept() {
    let tenant = tenant();
    assert_eq!(call(&tenant, "probe.publish", json!({"text": "probe.done"})), Ok(json!(1)));
    assert_eq!(call(&tenant, "probe.publish", json!({"text": "probe.done"})), Ok(json!(2)));
    assert_eq!(refused(&tenant, "probe.publish", json!({"text": "probe.undone"})).code, "FORBIDDEN");
    let names: Vec<_> = tenant.events().into_iter().map(|event| (event.name, event.payload)).collect();
    assert_eq!(names, vec![("probe.done".to_owned(), json!("payload")); 2]);
    let [_, second] = tenant.log().try_into().unwrap();
    assert_eq!((second.message.as_str(), second.fields), ("published", vec![("sequence".into(), "2".into())]));
}

#[test]
fn the_ledger_says_what_the_test_says() {
    let current = json!({"period": "2026-01"});
    let tenant = tenant().with_usage(Usage { current: current.clone(), ..Usage::default() });
    assert_eq!(call(&tenant, "probe.usage", json!({})), Ok(current));
}

#[test]
fn a_deleted_tenant_is_seen() {
    let tenant = tenant();
    assert!(!tenant.is_deleted());
    let record: Value = call(&tenant, "probe.leave", json!({})).unwrap();
    assert_eq!((&record["tenantId"], tenant.is_deleted()), (&json!("acme"), true));
}

#[test]
fn a_full_disk_refuses_what_writes() {
    let tenant = tenant().with_full_disk();
    for (method, text) in [("probe.keep", "a"), ("probe.file", "a"), ("probe.secret", "a")] {
        assert_eq!(refused(&tenant, method, json!({"text": text})).code, "QUOTA_EXCEEDED", "{method}");
    }
}

#[test]
fn timers_are_kept() {
    let tenant = tenant();
    tenant.set_clock(1_000);
    assert_eq!(call(&tenant, "probe.remind", json!({"text": "tea"})), Ok(json!(1)));
    let [timer] = tenant.timers("probe").try_into().unwrap();
    assert_eq!((timer.name.as_str(), timer.due_ms), ("tea", 61_000));
    assert_eq!(timer.parse(), Ok(json!({"text": "tea"})));
}

#[test]
fn the_nearest_vector_is_found() {
    let tenant = tenant();
    let index = |numbers| call(&tenant, "probe.index", json!({"numbers": numbers}));
    assert_eq!(index(json!([1.0, 0.0])), Ok(json!([])));
    assert_eq!(index(json!([0.0, 1.0])), Ok(json!([])), "at a right angle nothing is near");
    assert_eq!(index(json!([0.1, 0.9])), Ok(json!(["1"])));
    assert_eq!(index(json!([1.0])).unwrap_err().code, "INVALID_REQUEST");
}
