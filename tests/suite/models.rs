//! Models through the gateway: the scripted one, and a server on this machine that speaks as OpenAI's does.

mod agents;
mod budget;
mod capability;
mod completions;
mod embedding;
mod ledger;
pub(crate) mod official;
pub(crate) mod real;
mod responses;
pub(crate) mod rows;
mod streams;
mod token_ends;
pub(crate) mod upstream;

use crate::contract::*;
use openclaw_tests::wait_for;
use upstream::Upstream;

/// Prices at which the numbers of the tests are easy to follow: a micro-USD for a token of input, two for output.
const PRICES: &str = "billing:\n  rate_card:\n    small: {input: 1, output: 2}\n";

const SCRIPT: &str = "answers:\n  - {when: weather, text: [\"It \", rains.]}\n  - {when: list, toolCalls: [{name: ls, arguments: {path: .}}]}\n";

/// A daemon with the scripted model `small`.
fn scripted() -> Daemon {
    let home = Home::warm();
    let script = home.path().join("script.yaml");
    std::fs::write(&script, SCRIPT).expect("a script");
    home.configure(&format!(
        "models:\n  default: small\n  providers:\n    - {{id: script, kind: scripted, script: {script:?}, models: [small]}}\n{PRICES}"
    ));
    Daemon::start_on(home).unwrap_or_else(|failed| panic!("the daemon did not start: {failed}"))
}

/// A daemon whose model `small` is served by `upstream`.
fn served_by(upstream: &Upstream) -> Daemon {
    Daemon::start_with(&config(upstream))
}

fn config(upstream: &Upstream) -> String {
    let url = upstream.url();
    format!(
        "models:\n  providers:\n    - id: up\n      kind: openai\n      base_url: {url}/v1\n      api_key: sk-canary\n      \
         models: [{{id: small, max_output_tokens: 100}}, unpriced]\n{PRICES}"
    )
}

/// `POST path` as this tenant.
fn post(client: &Client, path: &str, body: &Value) -> openclaw_tests::Response {
    request(client, path, body).send(client.address()).expect("a response")
}

fn request(client: &Client, path: &str, body: &Value) -> Request {
    let request = Request::new("POST", path).header("Content-Type", "application/json").token(client.token());
    request.body(body.to_string())
}

fn get(client: &Client, path: &str) -> openclaw_tests::Response {
    Request::get(path).token(client.token()).send(client.address()).expect("a response")
}

const CHAT: &str = "/v1/chat/completions";

fn says(text: &str) -> Value {
    json!({ "model": "small", "messages": [{ "role": "user", "content": text }] })
}

fn streams(text: &str) -> Value {
    let mut body = says(text);
    body["stream"] = true.into();
    body
}

/// The data of a stream's events.
fn data(response: &openclaw_tests::Response) -> Vec<String> {
    response.text().lines().filter_map(|line| line.strip_prefix("data: ").map(str::to_owned)).collect()
}

/// The calls of a tenant this month, as the per-call export has them.
fn calls(daemon: &Daemon, tenant: &str) -> Vec<Value> {
    let report = daemon.operator().ok("billing.report", json!({ "tenantId": tenant, "calls": true }));
    report["rows"].as_array().expect("rows").clone()
}

/// Waits until a tenant has so many rows.
fn wait_for_calls(daemon: &Daemon, tenant: &str, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} settled calls"), || Some(calls(daemon, tenant)).filter(|rows| rows.len() >= count))
}

/// The ledger agrees with itself, which the doctor looks at.
pub(crate) fn is_sound(daemon: &Daemon) {
    let told = daemon.cli(&["doctor", "--json"]);
    let found = told.json();
    let checks = found["checks"].as_array().or(found["findings"].as_array()).unwrap_or_else(|| panic!("{found}"));
    let ledger = checks.iter().find(|check| check["check"] == "ledger").unwrap_or_else(|| panic!("{found}"));
    assert_eq!(ledger["status"], "ok", "{ledger}");
}
