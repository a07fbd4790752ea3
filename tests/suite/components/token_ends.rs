//! What goes on for a tenant ends with the token that it was begun by.

use crate::contract::*;
use openclaw_tests::wait_until;

use super::{built, params};

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
