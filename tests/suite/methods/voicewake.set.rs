//! `voicewake.set`: replaces the wake words.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("voicewake.set", |_| json!({ "triggers": ["jarvis"] }));
}

#[test]
fn trims_and_drops_what_is_empty() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let words = tenant.ok("voicewake.set", json!({ "triggers": ["  hey you ", "", "jarvis"] }));
    assert_eq!(words, json!({ "triggers": ["hey you", "jarvis"] }));
    assert_eq!(tenant.ok("voicewake.get", json!({})), words);
}

#[test]
fn an_empty_list_restores_the_defaults() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let defaults = tenant.ok("voicewake.get", json!({}));
    tenant.done("voicewake.set", json!({ "triggers": ["jarvis"] }));
    assert_eq!(tenant.ok("voicewake.set", json!({ "triggers": [] })), defaults);
}

#[test]
fn the_tenants_connections_are_told_and_no_others() {
    let daemon = Daemon::start();
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    let (mut socket, mut other) = (tenant.socket(), other.socket());
    socket.subscribe(None);
    other.subscribe(None);
    tenant.done("voicewake.set", json!({ "triggers": ["jarvis"] }));
    let event = socket.event_named("voicewake.changed");
    assert_eq!(event.payload, json!({ "triggers": ["jarvis"] }));
    assert_eq!(other.events_so_far(), []);
}

#[test]
fn words_are_texts() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for triggers in [json!("jarvis"), json!([1]), json!([null]), json!({})] {
        assert_eq!(tenant.err("voicewake.set", json!({ "triggers": triggers })).code, -32602);
    }
}
