//! `tenants.create`: a tenant and its token, shown once.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("tenants.create", |_| json!({ "tenantId": "new" }));
}

#[test]
fn answers_a_token_that_works() {
    let daemon = Daemon::start();
    let created = daemon.operator().ok("tenants.create", json!({ "tenantId": "acme_2-x", "displayName": "Acme" }));
    has_fields(&created, "tenantId token createdAt stateDir");
    assert_eq!(created["stateDir"], "tenants/acme_2-x", "as tenants.get has it");
    is_rfc3339(&created["createdAt"]);
    let token = created["token"].as_str().expect("token");
    assert!(token.starts_with("tk_acme_2-x_"), "{token}");
    daemon.client(token).done("health", json!({}));
    assert!(daemon.home().tenant("acme_2-x").is_dir());
    assert_eq!(daemon.home().files_with(token), Vec::<std::path::PathBuf>::new(), "a token is on the disk");
}

#[test]
fn an_id_that_is_taken_is_a_conflict() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let error = daemon.operator().err("tenants.create", json!({ "tenantId": "acme" }));
    assert_eq!((error.code, error.name()), (-32009, "CONFLICT"), "{error}");
    tenant.done("health", json!({}));
}

#[test]
fn ids_are_what_the_contract_says() {
    let daemon = Daemon::start();
    for id in ["", "Acme", "-acme", "_acme", "a b", "a/b", "..", "ä", "a\u{0}", "control.db", &"a".repeat(33)] {
        let error = daemon.operator().err("tenants.create", json!({ "tenantId": id }));
        assert_eq!(error.code, -32602, "{id:?}: {error}");
    }
    for id in ["a", "0", &"a".repeat(32), "a_-_"] {
        daemon.operator().done("tenants.create", json!({ "tenantId": id }));
    }
}

#[test]
fn of_many_who_want_the_same_id_one_gets_it() {
    let daemon = Daemon::start();
    let won: usize = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| daemon.operator().call("tenants.create", json!({ "tenantId": "acme" })).is_ok()))
            .collect();
        tries.into_iter().map(|won| usize::from(won.join().expect("a try"))).sum()
    });
    assert_eq!(won, 1);
}
