//! Agents at work in the real daemon, with the scripted model: what the SDK's harness cannot show.

mod approvals;
mod ends;
mod kills;
mod runs;
mod skills;
mod steps;

use crate::contract::*;

/// Prices at which the numbers are easy to follow: a micro-USD for a token of input, two for output.
const PRICES: &str = "billing:\n  rate_card:\n    small: {input: 1, output: 2}\n";

/// What the scripted model answers where a test does not say: to a message that is a command, and to its output.
const SCRIPT: &str = r#"answers:
  - {when: "OUTPUT", text: ["The command ", "has run."], usage: {inputUncached: 30, outputText: 4}}
  - {when: "run it", toolCalls: [{name: exec, arguments: {command: "echo OUT''PUT of $((6 * 7)) > made; cat made"}}], usage: {inputUncached: 20, outputText: 9}}
  - {when: "wait for it", toolCalls: [{name: exec, arguments: {command: "touch begun; while [ ! -e go ]; do sleep 0.1; done; echo OUT''PUT"}}]}
  - {when: "weather", text: ["It ", "rains."], usage: {inputUncached: 7, inputCacheRead: 2, outputText: 3, outputReasoning: 1}}
  - {text: ["What?"]}
"#;

/// A daemon with the scripted model `small`.
pub(crate) fn talking() -> Daemon {
    talking_with("")
}

/// The same, with more in its configuration.
pub(crate) fn talking_with(config: &str) -> Daemon {
    let home = Home::warm();
    let script = home.path().join("script.yaml");
    std::fs::write(&script, SCRIPT).expect("a script");
    home.configure(&format!(
        "models:\n  default: small\n  providers:\n    - {{id: script, kind: scripted, script: {script:?}, models: [small]}}\n{PRICES}{config}"
    ));
    Daemon::start_on(home).unwrap_or_else(|failed| panic!("the daemon did not start: {failed}"))
}

pub(crate) const MAIN: &str = "agent:main:main";

pub(crate) fn message(id: &str, text: &str) -> Value {
    json!({ "message": text, "idempotencyKey": id })
}

pub(crate) fn to_main(id: &str, text: &str) -> Value {
    json!({ "sessionKey": MAIN, "message": text, "idempotencyKey": id })
}

/// How a run has ended.
pub(crate) fn ended(client: &Client, id: &str) -> Value {
    let waited = client.ok("agent.wait", json!({ "runId": id, "timeoutMs": 60_000 }));
    assert_ne!(waited["status"], "timeout", "{waited}");
    waited
}

/// Who said what in the main session.
pub(crate) fn history(client: &Client) -> Vec<(String, String)> {
    let history = client.ok("chat.history", json!({ "sessionKey": MAIN }));
    let messages = history["messages"].as_array().expect("messages").clone();
    let said = |message: &Value| {
        let parts = message["content"].as_array().expect("parts");
        let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
        (message["role"].as_str().expect("a role").to_owned(), texts.join("|"))
    };
    messages.iter().map(said).collect()
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(role, text)| ((*role).to_owned(), (*text).to_owned())).collect()
}

/// A file of a tenant's workspace, from outside.
pub(crate) fn work(daemon: &Daemon, tenant: &str, file: &str) -> std::path::PathBuf {
    daemon.home().tenant(tenant).join("sandbox/work").join(file)
}

/// The calls of a tenant this month, as the per-call export has them.
pub(crate) fn calls(daemon: &Daemon, tenant: &str) -> Vec<Value> {
    let report = daemon.operator().ok("billing.report", json!({ "tenantId": tenant, "calls": true }));
    report["rows"].as_array().expect("rows").clone()
}
