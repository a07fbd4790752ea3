//! Versions that keep their documents in forms of their own.
//!
//! Each version of the fixture `migrates` traps at any form but its own, so a
//! call that answers has found what it should. It writes down how often, and
//! from what, documents were converted.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    thread,
};

use openclaw_tests::{Connection, rpc};

use crate::contract::*;

use super::{built, params, with_text};

/// The version with a form, and with a manner of converting into it.
fn version(form: &str, manner: &str) -> Vec<u8> {
    let wasm = with_text(built("fixtures/migrates.wasm"), "-form-a", &format!("-form-{form}"));
    with_text(wasm, "-works00", &format!("-{manner}"))
}

fn install(client: &Client, form: &str) -> Value {
    client.ok("components.install", params(&version(form, "works00"), json!({})))
}

fn add(client: &Client, note: &str) {
    client.done("migrates.add", json!({ "text": note }));
}

/// The form of the version that answers, its notes, and what was converted in which order.
fn list(client: &Client) -> (String, Vec<String>, Vec<String>) {
    let answer = client.ok("migrates.list", json!({}));
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let texts = |value: &Value| value.as_array().expect("an array").iter().map(text).collect();
    let form = text(&answer["form"]).replace("migrates-form-", "");
    let conversions = answer["conversions"].as_array().expect("an array").iter();
    let conversion = |row: &Value| {
        let replaced = row["replaced"].as_str().map_or("nothing", |version| version.trim_start_matches("1.0.0-form-"));
        format!("{replaced} to {}", text(&row["to"]).replace("migrates-form-", ""))
    };
    (form, texts(&answer["notes"]), conversions.map(conversion).collect())
}

#[track_caller]
fn lists(client: &Client, form: &str, notes: &[&str], conversions: &[&str]) {
    let (found, found_notes, found_conversions) = list(client);
    assert_eq!(found, form);
    assert_eq!((found_notes, found_conversions), (owned(notes), owned(conversions)));
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// Copies of what was before, in a tenant's directory.
fn copies(daemon: &Daemon, tenant: &str) -> usize {
    let directory = daemon.home().tenant(tenant).join("plugins/migrates");
    let names = std::fs::read_dir(directory).expect("the family's directory").flatten();
    names.filter(|entry| entry.file_name().to_string_lossy().starts_with("state.db.before-")).count()
}

#[test]
fn a_swap_converts_a_tenants_documents_once() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    install(&operator, "a");
    add(&a, "one");
    install(&operator, "b");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| lists(&a, "b", &["one"], &["nothing to a", "a to b"]));
        }
    });
    install(&operator, "b");
    lists(&a, "b", &["one"], &["nothing to a", "a to b"]);
}

#[test]
fn a_swap_for_all_converts_each_tenants_documents_at_its_first_call_and_once() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    install(&daemon.operator(), "a");
    add(&a, "of a");
    add(&b, "of b");
    install(&daemon.operator(), "b");
    assert_eq!(copies(&daemon, "a"), 0, "nothing is converted before somebody calls");
    thread::scope(|scope| {
        for (tenant, note) in [(&a, "of a"), (&b, "of b")] {
            for _ in 0..8 {
                scope.spawn(move || lists(tenant, "b", &[note], &["nothing to a", "a to b"]));
            }
        }
    });
    lists(&daemon.tenant("c"), "b", &[], &["nothing to b"]);
}

#[test]
fn a_conversion_that_fails_leaves_the_binding_and_the_documents() {
    let daemon = Daemon::start_with("components: {limits: {cpu_ms: 50}}\n");
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    install(&operator, "a");
    add(&a, "one");
    for (manner, said) in [
        ("refuses", "these notes cannot be converted"),
        ("traps00", "it trapped"),
        ("loops00", "its limit of time"),
        ("reaches", "read-only"),
        ("tells00", "publishes no event"),
    ] {
        let error = operator.err("components.install", params(&version("b", manner), json!({})));
        assert_eq!(error.name(), "CONFLICT", "{manner}: {error}");
        assert!(error.message.contains(said), "{manner}: {error}");
        lists(&a, "a", &["one"], &["nothing to a"]);
        assert_eq!(copies(&daemon, "a"), 0, "{manner}");
    }
    assert!(!daemon.home().tenant("a").join("plugins/migrates/data/kept").exists());
    add(&a, "two");
    lists(&a, "a", &["one", "two"], &["nothing to a"]);
}

#[test]
fn a_rollback_brings_the_documents_back_as_they_were() {
    let mut daemon = Daemon::start();
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    install(&operator, "a");
    add(&a, "one");
    install(&operator, "b");
    add(&a, "two");
    lists(&a, "b", &["one", "two"], &["nothing to a", "a to b"]);
    operator.done("components.rollback", json!({ "family": "migrates" }));
    lists(&a, "a", &["one"], &["nothing to a"]);
    assert_eq!(copies(&daemon, "a"), 0);
    // Nobody calls the version that was gone back to.
    install(&operator, "b");
    add(&a, "three");
    operator.done("components.rollback", json!({ "family": "migrates" }));
    daemon.kill();
    let daemon = daemon.restarted();
    let a = daemon.client(a.token());
    install(&daemon.operator_for("a"), "c");
    lists(&a, "c", &["one"], &["nothing to a", "a to c"]);
}

#[test]
fn a_version_that_cannot_convert_is_rolled_back_by_itself() {
    let daemon = Daemon::start_with("components: {rollback_after: 4}\n");
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    install(&daemon.operator(), "a");
    add(&a, "of a");
    add(&b, "of b");
    daemon.operator().done("components.install", params(&version("b", "traps00"), json!({})));
    for _ in 0..3 {
        assert_eq!(a.err("migrates.list", json!({})).name(), "COMPONENT_FAILED");
    }
    assert_eq!(daemon.log().matches("it converts").count(), 3, "of two first calls, and one that failed");
    assert_eq!(b.err("migrates.list", json!({})).name(), "COMPONENT_FAILED");
    daemon.wait_for_log("it was rolled back");
    lists(&a, "a", &["of a"], &["nothing to a"]);
    lists(&b, "a", &["of b"], &["nothing to a"]);
}

#[test]
fn a_conversion_that_a_kill_cuts_short_is_put_back() {
    let mut daemon = Daemon::start();
    let a = daemon.tenant("a");
    install(&daemon.operator(), "a");
    add(&a, "one");
    daemon.operator().done("components.install", params(&version("b", "waits00"), json!({})));
    let mut connection = Connection::open(a.address()).expect("a connection");
    let call = a.request(rpc::frame(1, "migrates.list", &json!({})).to_string());
    thread::scope(|scope| {
        let cut_short = scope.spawn(|| connection.send(&call).is_err());
        daemon.wait_for_log("it converts: waits00");
        assert_eq!(copies(&daemon, "a"), 1);
        daemon.kill();
        assert!(cut_short.join().expect("it ends"));
    });
    let daemon = daemon.restarted();
    let a = daemon.client(a.token());
    install(&daemon.operator(), "c");
    lists(&a, "c", &["one"], &["nothing to a", "a to c"]);
    assert_eq!(copies(&daemon, "a"), 1);
}

#[test]
fn calls_of_the_version_before_end_before_their_documents_are_converted() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    install(&operator, "a");
    thread::scope(|scope| {
        let slow = scope.spawn(|| a.ok("migrates.slow", json!({ "ms": 300 })));
        daemon.wait_for_log("it waits");
        install(&operator, "b");
        lists(&a, "b", &["late"], &["nothing to a", "a to b"]);
        assert_eq!(slow.join().expect("it answers")["form"], "migrates-form-a");
    });
}

#[test]
fn two_versions_that_fight_over_a_form_fail_no_call() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    install(&operator, "a");
    add(&a, "one");
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    assert_eq!(list(&a).1, ["one"]);
                    answered.fetch_add(1, Relaxed);
                }
            });
        }
        for swap in 0..20 {
            match swap % 4 {
                0 | 2 => drop(install(&operator, "b")),
                1 => operator.done("components.rollback", json!({ "family": "migrates" })),
                _ => drop(install(&operator, "a")),
            }
        }
        done.store(true, Relaxed);
    });
    assert!(answered.load(Relaxed) > 0, "calls ran meanwhile");
    assert!(copies(&daemon, "a") <= 2);
}

/// The tenant's own version is gone, and the one for all has a form of its own.
#[test]
fn what_is_bound_below_gets_back_what_it_had() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    install(&daemon.operator(), "a");
    add(&a, "one");
    add(&b, "one");
    install(&daemon.operator_for("a"), "b");
    add(&a, "two");
    lists(&b, "a", &["one"], &["nothing to a"]);
    daemon.operator_for("a").done("components.remove", json!({ "family": "migrates" }));
    lists(&a, "a", &["one"], &["nothing to a"]);
}

#[test]
fn a_version_that_converts_is_no_canary() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    install(&operator, "a");
    let canary = params(&version("b", "works00"), json!({ "canaryPercent": 10 }));
    assert_eq!(operator.err("components.install", canary).name(), "CONFLICT");
    lists(&a, "a", &[], &["nothing to a"]);
}

#[test]
fn a_copy_takes_the_tenants_own_room() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let quota = |bytes: Value| {
        let quotas = json!({ "tenantId": "a", "quotas": { "disk_bytes": bytes } });
        daemon.operator().done("tenants.quota.update", quotas);
    };
    install(&daemon.operator(), "a");
    add(&a, "one");
    quota(json!(1000));
    install(&daemon.operator(), "b");
    assert_eq!(a.err("migrates.list", json!({})).name(), "QUOTA_EXCEEDED");
    quota(Value::Null);
    lists(&a, "b", &["one"], &["nothing to a", "a to b"]);
}

#[test]
fn a_tenant_made_anew_has_no_forms_of_the_one_before() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    install(&daemon.operator(), "a");
    add(&a, "one");
    daemon.operator().done("tenants.delete", json!({ "tenantId": "a", "confirm": true }));
    lists(&daemon.tenant("a"), "a", &[], &["nothing to a"]);
}
