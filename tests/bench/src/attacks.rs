//! What a tenant that means harm does, of each kind that has a hostile fixture.

use std::fs;

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{Setting, wire};

/// One way to harm a neighbour.
pub(crate) struct Attack {
    /// As a sentence goes on that begins with who does it.
    pub(crate) what: &'static str,
    pub(crate) connections: usize,
    /// The bodies that each connection sends in turn.
    pub(crate) bodies: Vec<String>,
    pub(crate) ends: Ends,
}

/// How the calls of an attack end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// With a result, or with an error that is the component's or a quota's.
    Done,
    /// With the refusal that has these words: what it costs comes before.
    Refused(&'static str),
    /// With nothing but their time: they wait.
    Late,
}

impl Ends {
    /// Whether a reply is one that such a call has where it does the harm that it is meant to, and is not turned away.
    pub(crate) fn has(self, reply: &Value) -> bool {
        let error = &reply["error"];
        match self {
            Self::Done | Self::Late => {
                let code = error["data"]["code"].as_str();
                reply.get("result").is_some() || code.is_some_and(|code| HARMFUL.contains(&code))
            }
            Self::Refused(words) => error["message"].as_str().is_some_and(|message| message.contains(words)),
        }
    }
}

/// Errors of calls that ran.
const HARMFUL: [&str; 2] = ["COMPONENT_FAILED", "QUOTA_EXCEEDED"];

/// What waits in the host.
const WAITS: &str = "sleeper.";

/// One call again and again: on how many connections, of which method.
const CALLS: [(&str, usize, &str, &str); 15] = [
    ("floods on 64 connections", 64, "health", "{}"),
    ("loops for ever in a handler", 8, "hostile.loop", "{}"),
    ("fills memory", 8, "hostile.memory", "{}"),
    ("touches 50 MB a call", 24, "hostile.hold", r#"{"megabytes":50}"#),
    ("recurses without end", 8, "hostile.recurse", "{}"),
    ("traps", 8, "hostile.trap", "{}"),
    ("answers far too much", 8, "hostile.huge_result", r#"{"bytes":9437184}"#),
    ("calls the host without end", 8, "hostile.host_calls", "{}"),
    ("hoards handles", 8, "hostile.handles", "{}"),
    ("sleeps in the host for ever", 32, "sleeper.sleep", "{}"),
    ("asks again and again in the host", 32, "sleeper.until_told", "{}"),
    ("floods events", 8, "hostile.event_flood", r#"{"times":1024}"#),
    ("floods timers", 8, "hostile.timer_flood", "{}"),
    ("floods the log", 8, "hostile.log_flood", r#"{"times":1000}"#),
    ("bombs documents", 8, "hostile.document_bomb", r#"{"operations":8,"bytes":1048000}"#),
];

/// What a workload in a sandbox does to the machine, as a command of its shell.
const WORKLOADS: [(&str, &str); 5] = [
    ("forks without end in a sandbox", ":(){ :|:& };:; wait; sleep 60"),
    ("fills memory in a sandbox", "tail /dev/zero"),
    ("fills the disk in a sandbox", "while :; do head -c 100M /dev/zero > f; done"),
    ("floods the output of a sandbox", "yes"),
    ("hoards descriptors in a sandbox", "while :; do exec {f}</dev/null || break; done; sleep 60"),
];

/// How many of them run at once, and for how long each.
const WORKLOADS_AT_ONCE: usize = 4;
const WORKLOAD_MS: u64 = 2000;

/// All of them. Those that swap have their versions installed first, by the attacker itself. The bomb of documents is
/// the last, as the attacker's disk is full from there on.
pub(crate) fn all(setting: &Setting, attacker: &str, connection: &mut wire::Connection) -> Result<Vec<Attack>> {
    let mut install = |wasm: Vec<u8>| -> Result<Value> {
        Ok(connection.call(attacker, "components.install", &of(&wasm))?["digest"].take())
    };
    let swap = |version: &str| changed(setting, "swap", "swap-version-ok00000", &format!("swap-version-{version}"));
    let traps = [install(swap("ok00001")?)?, install(swap("trap000")?)?];
    let mut attacks = vec![swapping("swaps to what traps at its first call", "swap", traps, "swap.version")];
    let form = |form: &str| changed(setting, "migrates", "-form-a", &format!("-form-{form}"));
    let forms = [install(form("a")?)?, install(form("b")?)?];
    attacks.push(swapping("swaps between two forms of its documents", "migrates", forms, "migrates.list"));
    // It is compiled each time: what was refused is in no cache.
    let lies = of(&changed(setting, "liar", "LIE:no----", "LIE:fanout")?);
    let bodies = vec![wire::call("components.install", &lies)];
    let ends = Ends::Refused("more than 5000");
    attacks.push(Attack { what: "installs what lies in its manifest", connections: 4, bodies, ends });
    attacks.extend(WORKLOADS.map(|(what, command)| {
        let params = json!({ "command": ["bash", "-c", command], "limits": { "wallMs": WORKLOAD_MS } });
        let bodies = vec![wire::call("sandbox.run", &params.to_string())];
        Attack { what, connections: WORKLOADS_AT_ONCE, bodies, ends: Ends::Done }
    }));
    attacks.extend(CALLS.map(|(what, connections, method, params)| {
        let bodies = vec![wire::call(method, params)];
        let ends = if method.starts_with(WAITS) { Ends::Late } else { Ends::Done };
        Attack { what, connections, bodies, ends }
    }));
    Ok(attacks)
}

/// Activates one version, calls it, and goes on with the other.
fn swapping(what: &'static str, family: &str, digests: [Value; 2], method: &str) -> Attack {
    let bodies = digests.iter().flat_map(|digest| {
        let activate = json!({ "family": family, "digest": digest }).to_string();
        [wire::call("components.activate", &activate), wire::call(method, "{}")]
    });
    Attack { what, connections: 4, bodies: bodies.collect(), ends: Ends::Done }
}

fn of(wasm: &[u8]) -> String {
    json!({ "wasm": STANDARD.encode(wasm) }).to_string()
}

/// A fixture with other letters, of the same number, wherever a text stands in it.
fn changed(setting: &Setting, fixture: &str, from: &str, to: &str) -> Result<Vec<u8>> {
    let built = setting.components.with_file_name("fixtures").join(fixture).with_extension("wasm");
    let mut wasm = fs::read(&built).with_context(|| format!("{}: build the components first", built.display()))?;
    let places: Vec<usize> =
        (0..=wasm.len() - from.len()).filter(|at| wasm[*at..].starts_with(from.as_bytes())).collect();
    ensure!(!places.is_empty() && from.len() == to.len(), "{from} is not in {}, or no {to}", built.display());
    places.into_iter().for_each(|at| wasm[at..at + to.len()].copy_from_slice(to.as_bytes()));
    Ok(wasm)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str) -> Value {
        json!({ "error": { "code": -32000, "message": "it is so", "data": { "code": code } } })
    }

    #[test]
    fn a_call_that_is_turned_away_harms_nobody() {
        assert!(Ends::Done.has(&json!({ "result": {} })));
        assert!(Ends::Done.has(&error("COMPONENT_FAILED")) && Ends::Done.has(&error("QUOTA_EXCEEDED")));
        for code in ["INVALID_REQUEST", "FORBIDDEN", "NOT_FOUND", "UNAVAILABLE", "INTERNAL"] {
            assert!(!Ends::Done.has(&error(code)), "{code}");
        }
    }

    #[test]
    fn what_is_to_be_refused_is_refused_for_its_reason() {
        assert!(Ends::Refused("it is so").has(&error("INVALID_REQUEST")));
        assert!(!Ends::Refused("more").has(&error("INVALID_REQUEST")));
        assert!(!Ends::Refused("it is so").has(&json!({ "result": {} })));
    }
}
