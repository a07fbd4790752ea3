//! Instances that serve more than one call.
//!
//! The fixture `counts` counts in its own memory, so what it answers tells
//! whether its instance served before.

use std::thread;

use rustix::process::Signal;

use crate::contract::*;

use super::{built, params, with_text};

fn version(name: &str) -> Vec<u8> {
    with_text(built("fixtures/counts.wasm"), "counts-ok00000", &format!("counts-{name}"))
}

fn install(client: &Client, name: &str, grants: &[&str]) -> Value {
    client.ok("components.install", params(&version(name), json!({ "grants": grants })))
}

#[track_caller]
fn count(client: &Client) -> u64 {
    client.ok("counts.count", json!({}))["count"].as_u64().expect("a number")
}

#[test]
fn an_instance_serves_the_next_call_where_that_is_granted() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    install(&daemon.operator_for("a"), "ok00000", &["sticky:1"]);
    install(&daemon.operator_for("b"), "ok00000", &[]);
    assert_eq!([count(&a), count(&a), count(&a)], [1, 2, 3]);
    assert_eq!([count(&b), count(&b)], [1, 1], "an instance a call, as ever");
}

/// One version serves all tenants, and each has instances of its own.
#[test]
fn an_instance_serves_one_tenant_alone() {
    let daemon = Daemon::start();
    let tenants = ["a", "b", "c"].map(|id| daemon.tenant(id));
    install(&daemon.operator(), "ok00000", &["sticky:2"]);
    for expected in 1..=3 {
        for tenant in &tenants {
            assert_eq!(count(tenant), expected);
        }
    }
    daemon.operator().done("tenants.delete", json!({ "tenantId": "a", "confirm": true }));
    assert_eq!(count(&daemon.tenant("a")), 1, "a tenant made anew is another");
    assert_eq!(count(&tenants[1]), 4);
}

#[test]
fn an_instance_serves_one_call_at_a_time_and_no_more_stay_than_are_granted() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    install(&daemon.operator_for("a"), "ok00000", &["sticky:2"]);
    let together = |calls: usize| {
        let mut counts: Vec<u64> = thread::scope(|scope| {
            let call = || a.ok("counts.count", json!({ "ms": 300 }))["count"].as_u64().expect("a number");
            let calls: Vec<_> = (0..calls).map(|_| scope.spawn(call)).collect();
            calls.into_iter().map(|call| call.join().expect("an answer")).collect()
        });
        counts.sort_unstable();
        counts
    };
    assert_eq!(together(4), [1, 1, 1, 1], "nobody shares an instance");
    assert_eq!(together(4), [1, 1, 2, 2], "two of four stayed");
}

#[test]
fn an_instance_is_gone_after_a_trap_a_time_out_a_swap_and_a_change_of_grants() {
    let daemon = Daemon::start_with("components: {rollback_after: 0}\n");
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    let digest = install(&operator, "ok00000", &["sticky:1"])["digest"].clone();
    let serves_twice = |client: &Client, why: &str| assert_eq!([count(client), count(client)], [1, 2], "{why}");
    serves_twice(&a, "the first calls");
    assert_eq!(a.err("counts.fail", json!({})).name(), "COMPONENT_FAILED");
    serves_twice(&a, "after a trap");
    let error = a.err("counts.count", json!({ "ms": 10_000 }));
    assert_eq!(error.data["limit"], "time", "{error}");
    serves_twice(&a, "after a time-out");
    let activate = |grants: &[&str]| {
        operator.done("components.activate", json!({ "family": "counts", "digest": digest, "grants": grants }));
    };
    activate(&["sticky:1", "config"]);
    serves_twice(&a, "with more grants");
    activate(&[]);
    assert_eq!([count(&a), count(&a)], [1, 1], "without the grant");
    activate(&["sticky:1"]);
    serves_twice(&a, "with the grant again");
    install(&operator, "ok00001", &["sticky:1"]);
    serves_twice(&a, "after a swap");
    operator.done("components.rollback", json!({ "family": "counts" }));
    serves_twice(&a, "after a rollback");
}

#[test]
fn grants_of_the_configuration_are_those_of_the_moment() {
    let daemon = Daemon::start_with("components: {grants: {counts: [\"sticky:1\", config]}}\n");
    let a = daemon.tenant("a");
    daemon.operator().done("components.install", params(&version("ok00000"), json!({})));
    assert_eq!([count(&a), count(&a)], [1, 2]);
    daemon.home().configure("components: {grants: {counts: [\"sticky:1\"]}}\n");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("the configuration is reloaded");
    assert_eq!([count(&a), count(&a)], [1, 2], "what it was granted is taken away");
}

#[test]
fn what_an_instance_holds_from_the_call_before_is_its_tenants() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    install(&daemon.operator(), "ok00000", &["sticky:1"]);
    for (tenant, notes) in [(&a, ["one", "two", "three"]), (&b, ["four", "five", "six"])] {
        let counts = notes.map(|note| tenant.ok("counts.note", json!({ "text": note }))["count"].clone());
        assert_eq!(counts, [json!(1), json!(2), json!(3)], "one instance, with the first call's handle");
    }
    assert_eq!(a.ok("counts.notes", json!({}))["count"], 3);
    assert_eq!(b.ok("counts.notes", json!({}))["count"], 3);
}

#[test]
fn an_instance_is_replaced_after_a_thousand_calls() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    install(&daemon.operator_for("a"), "ok00000", &["sticky:1"]);
    let most = (0..1001).map(|_| count(&a)).max();
    assert_eq!((most, count(&a)), (Some(1000), 2));
}
