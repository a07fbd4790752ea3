//! `billing.explain`: which prices make up the cost of one call.

use crate::contract::*;

/// A daemon with a model that has a price.
fn priced() -> Daemon {
    Daemon::start_with(
        "models:\n  providers: [{id: s, kind: scripted, models: [small]}]\n\
         billing:\n  rate_card:\n    small: {input: 1, output: 2, per_request: '0.01'}\n",
    )
}

/// The id of a call that a tenant `acme` makes of the scripted model.
fn called(daemon: &Daemon) -> String {
    let tenant = daemon.tenant("acme");
    let body = json!({ "model": "small", "messages": [{ "role": "user", "content": "hello world" }] });
    let request = Request::new("POST", "/v1/chat/completions").header("Content-Type", "application/json");
    let response = daemon.send(&request.token(tenant.token()).body(body.to_string()));
    response.header("x-openclaw-call-id").unwrap_or_else(|| panic!("{}", response.text())).to_owned()
}

#[test]
fn keeps_the_contract() {
    contract_on(priced(), "billing.explain", |stage| json!({ "id": called(&stage.daemon) }));
}

#[test]
fn shows_each_class_and_its_price() {
    let daemon = priced();
    let id = called(&daemon);
    let explained = daemon.operator().ok("billing.explain", json!({ "id": id }));
    assert_eq!(pluck(&explained["rows"], "class"), ["input_uncached", "output_text", "per_request", "total"]);
    assert_eq!(explained["rows"][0]["cost_usd"], "0.000003000000");
}

#[test]
fn a_call_that_was_never_made_is_not_found() {
    let daemon = Daemon::start();
    let operator = daemon.operator();
    let error = operator.err("billing.explain", json!({ "id": "01KAZ3M8T4Q0RZ7W6YB5X2V9NE" }));
    assert_eq!(error.name(), "NOT_FOUND", "{error}");
    let error = operator.err("billing.explain", json!({ "id": "x" }));
    assert_eq!(error.code, -32602);
    let told = error.to_string();
    assert!(told.contains("not the id of a call") && told.contains("billing report --calls"), "{told}");
    assert_eq!(operator.err("billing.explain", json!({})).code, -32602);
    assert_eq!(daemon.tenant("acme").err("billing.explain", json!({ "id": "x" })).code, -32601);
}
