//! What goes on for a tenant ends with the token that it was begun by.

use crate::contract::*;
use openclaw_tests::wait_until;

use super::{built, outbound::Host, params};

/// Ends what a tenant's token opens; answers a token that opens something again.
type Ends = fn(&Daemon) -> String;

fn rotate(daemon: &Daemon) -> String {
    let rotated = daemon.operator().ok("tenants.rotate", json!({ "tenantId": "a" }));
    rotated["token"].as_str().expect("a token").to_owned()
}

fn disable(daemon: &Daemon) -> String {
    daemon.operator().done("tenants.update", json!({ "tenantId": "a", "disabled": true }));
    daemon.operator().done("tenants.update", json!({ "tenantId": "a", "disabled": false }));
    rotate(daemon)
}

fn each(test: fn(&Daemon, &Tenant, Ends)) {
    for ends in [rotate as Ends, disable] {
        let daemon = Daemon::start();
        let grants = json!({ "grants": ["tasks"] });
        daemon.operator().done("components.install", params(&built("fixtures/apart.wasm"), grants));
        let tenant = daemon.tenant("a");
        test(&daemon, &tenant, ends);
    }
}

/// Whether a name comes free, well before its holder would let it go.
fn comes_free(daemon: &Daemon, token: &str, name: &str) -> bool {
    daemon.client(token).ok("apart.free", json!({ "name": name, "wait_ms": 60_000 }))["told"] == true
}

#[test]
fn a_task_ends() {
    each(|daemon, tenant, ends| {
        let hold = json!({ "method": "apart.hold", "params": { "name": "x", "wait_ms": 600_000 }, "name": "given" });
        tenant.done("apart.start", hold);
        let token = ends(daemon);
        assert!(comes_free(daemon, &token, "given") && comes_free(daemon, &token, "x"));
    });
}

#[test]
fn a_call_that_may_take_long_ends_though_its_client_waits_for_it() {
    each(|daemon, tenant, ends| {
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| tenant.call("apart.hold", json!({ "name": "x", "wait_ms": 600_000 })));
            let is_held = || tenant.ok("apart.free", json!({ "name": "x" }))["told"] == false;
            wait_until("it runs", is_held);
            let token = ends(daemon);
            let error = waits.join().expect("it was answered").expect_err("it was ended");
            assert_eq!(error.name(), "UNAVAILABLE", "{error}");
            assert!(comes_free(daemon, &token, "x"));
        });
    });
}

/// A model of the gateway's own, and a host on this machine.
const REACH: &str = "components: {http: {private_addresses: [127.0.0.1]}}\n\
    models: {default: small, providers: [{id: script, kind: scripted, models: [small]}]}\n\
    billing: {rate_card: {small: {input: 1, output: 2}}}\n";

#[test]
fn a_call_that_runs_on_calls_no_model_and_asks_no_host() {
    let rotated = ("tenants.rotate", json!({ "tenantId": "a" }));
    let disabled = ("tenants.update", json!({ "tenantId": "a", "disabled": true }));
    for ((ends, named), why) in [(rotated, "this tenant's token was rotated"), (disabled, "this tenant is disabled")] {
        let (daemon, host) = (Daemon::start_with(REACH), Host::start());
        let methods = ["apart.start", "apart.free", "asker.ask", "outbound.ask"].map(|name| format!("method:{name}"));
        for (fixture, grants) in [
            ("apart", json!(["tasks"])),
            ("asker", json!(["model"])),
            ("outbound", json!([host.grant()])),
            ("caller", json!(methods)),
        ] {
            let wasm = built(&format!("fixtures/{fixture}.wasm"));
            daemon.operator().done("components.install", params(&wasm, json!({ "grants": grants })));
        }
        let tenant = daemon.tenant("a");
        let call = |method: &str, params: Value| json!({ "method": method, "params": params });
        let question = json!({ "messages": [{ "role": "user", "content": "hello" }] });
        let asks = [
            call("asker.ask", json!({ "request": question })),
            call("outbound.ask", json!({ "url": host.url("/echo") })),
        ];
        let answers = tenant.ok("caller.each", json!({ "calls": asks }))["answers"].clone();
        assert!(answers[0]["pieces"].is_array() && answers[1]["status"] == 200, "{answers}");

        let mut socket = tenant.socket();
        socket.subscribe(None);
        // A task has the name `given` until it ends with the token. The call waits for that, and asks then.
        let hold = json!({ "method": "apart.hold", "params": { "name": "x", "wait_ms": 600_000 }, "name": "given" });
        let waits = [call("apart.start", hold), call("apart.free", json!({ "name": "given", "wait_ms": 60_000 }))];
        let calls: Vec<Value> = waits.into_iter().chain(asks).collect();
        let calls = json!({ "calls": calls });
        std::thread::scope(|scope| {
            let runs = scope.spawn(|| tenant.ok("caller.each", calls));
            assert_eq!(socket.event_named("apart.done").payload, "holds");
            daemon.operator().done(ends, named);
            let answers = runs.join().expect("it was answered")["answers"].clone();
            assert_eq!(answers[1]["told"], true, "{answers}");
            let told = [&answers[2], &answers[3]].map(|answer| answer.as_str().unwrap_or_default());
            assert!(told.iter().all(|told| told.starts_with("FORBIDDEN: ")), "{answers}");
            assert!(told[0].contains(why), "{answers}");
        });
    }
}
