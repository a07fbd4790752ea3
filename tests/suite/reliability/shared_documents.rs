//! Another family's collections: written where that is granted, and nowhere else.

use crate::contract::*;

use super::hostile_daemon;

fn outcome(tenant: &Tenant, params: Value) -> Value {
    tenant.ok("hostile.foreign_write", params)
}

#[test]
fn a_granted_collection_and_its_logs_are_written_for_the_own_tenant() {
    let daemon = hostile_daemon("");
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let written = outcome(&a, json!({ "family": "sessions", "collection": "archives", "log": "archives:forged" }));
    assert_eq!(written["text"], "written", "{written}");
    let keys = |tenant: &Tenant| {
        tenant.ok("hostile.foreign_documents", json!({ "family": "sessions", "collection": "archives" }))["names"]
            .clone()
    };
    assert_eq!((keys(&a), keys(&b)), (json!(["forged"]), json!([])));
}

#[test]
fn what_is_not_granted_for_writing_is_forbidden() {
    let daemon = hostile_daemon("");
    let tenant = daemon.tenant("a");
    for params in [
        // Granted for reading.
        json!({ "family": "sessions", "collection": "sessions" }),
        // Not granted at all.
        json!({ "family": "sessions", "collection": "session-details" }),
        json!({ "family": "sessions", "log": "transcript:1" }),
        json!({ "family": "sessions", "log": "archives-of-others:1" }),
        json!({ "family": "settings", "collection": "settings" }),
        json!({ "family": "hostile", "collection": "own" }),
    ] {
        let refused = outcome(&tenant, params.clone());
        assert_eq!(refused["code"], "FORBIDDEN", "{params}: {refused}");
    }
}

#[test]
fn one_operation_outside_the_grant_refuses_the_whole_transaction() {
    let daemon = hostile_daemon("");
    let tenant = daemon.tenant("a");
    let refused = outcome(&tenant, json!({ "family": "sessions", "collection": "archives", "log": "transcript:1" }));
    assert_eq!(refused["code"], "FORBIDDEN", "{refused}");
    let archives = tenant.ok("hostile.foreign_documents", json!({ "family": "sessions", "collection": "archives" }));
    assert_eq!(archives["names"], json!([]));
}
