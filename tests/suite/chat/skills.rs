//! Skills of a tenant's workspace: an agent is told of one, and reads it before it works by it.

use super::*;
use crate::models::upstream::{Step, Upstream, streamed};

const SKILL: &str = "---\nname: tide-tables\ndescription: Says when the tide is high.\n---\nHigh water is at noon.\n";

const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":4}}"#;
const DONE: &str = "[DONE]";

/// Reads the file of a skill that it is told of, then answers by what stands in it.
fn model(request: &Value) -> Vec<Step> {
    let messages = request["messages"].as_array().expect("messages");
    let last = messages.last().and_then(|last| last["content"].as_str()).unwrap_or_default();
    let (delta, reason) = match system(request).contains("skills/tides/SKILL.md") {
        true if messages.last().is_some_and(|last| last["role"] == "tool") => (json!({ "content": last }), "stop"),
        true => {
            let function = json!({ "name": "read", "arguments": r#"{"path":"skills/tides/SKILL.md"}"# });
            let call = json!({ "index": 0, "id": "c1", "type": "function", "function": function });
            (json!({ "tool_calls": [call] }), "tool_calls")
        }
        false => (json!({ "content": "I know of no skill." }), "stop"),
    };
    let delta = json!({ "choices": [{ "delta": delta }] }).to_string();
    let stop = json!({ "choices": [{ "delta": {}, "finish_reason": reason }] }).to_string();
    streamed(&[Some(delta.as_str()), Some(stop.as_str()), Some(USAGE), Some(DONE)])
}

fn system(request: &Value) -> &str {
    request["messages"][0]["content"].as_str().expect("the system message")
}

#[test]
fn an_agent_is_told_of_a_skill_and_reads_it_until_it_is_switched_off() {
    let upstream = Upstream::answering(model);
    let url = upstream.url();
    let daemon = Daemon::start_with(&format!(
        "models:\n  default: small\n  providers:\n    - id: up\n      kind: openai\n      base_url: {url}/v1\n      \
         api_key: sk-canary\n      models: [{{id: small, max_output_tokens: 100}}]\n{PRICES}"
    ));
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    let write = |directory: &str, text: &str| {
        let command = format!("mkdir -p skills/{directory} && printf %s '{text}' > skills/{directory}/SKILL.md");
        tenant.done("sandbox.run", json!({ "command": ["sh", "-c", command] }));
    };
    write("tides", SKILL);
    write("broken", "no frontmatter");

    let answered = tenant.ok("agent", message("r1", "when is high water?"));
    let told = system(&upstream.received()[0]).to_owned();
    let line =
        r#"{"name":"tide-tables","description":"Says when the tide is high.","location":"skills/tides/SKILL.md"}"#;
    assert!(told.lines().any(|told| told == line), "{told}");
    assert!(!told.contains("High water is at noon") && !told.contains("skills/broken"), "{told}");
    assert!(answered["summary"].as_str().is_some_and(|said| said.contains("High water is at noon.")), "{answered}");
    let read = &history(&tenant)[2];
    assert_eq!((&*read.0, &*read.1), ("toolResult", SKILL.trim_end()));
    daemon.wait_for_log("skill=skills/broken");

    let no_skill = json!("I know of no skill.");
    assert_eq!(other.ok("agent", message("r1", "when is high water?"))["summary"], no_skill, "another tenant's");
    let off = r#"{"skills": {"entries": {"tide-tables": {"enabled": false}}}}"#;
    tenant.done("config.patch", json!({ "raw": off }));
    assert_eq!(tenant.ok("agent", message("r2", "and tomorrow?"))["summary"], no_skill);
    let misspelt = r#"{"skills": {"entries": {"tide-tables": {"enabeld": false}}}}"#;
    let error = tenant.err("config.patch", json!({ "raw": misspelt }));
    assert_eq!(error.data["offences"][0]["path"], "skills.entries.tide-tables.enabeld", "{error}");
}
