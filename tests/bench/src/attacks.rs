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
}

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

/// All of them. Those that swap have their versions installed first, by the attacker itself.
pub(crate) fn all(setting: &Setting, attacker: &str, connection: &mut wire::Connection) -> Result<Vec<Attack>> {
    let mut attacks: Vec<Attack> = CALLS
        .iter()
        .map(|(what, connections, method, params)| {
            let bodies = vec![wire::call(method, params)];
            Attack { what, connections: *connections, bodies }
        })
        .collect();
    let mut install = |wasm: Vec<u8>| -> Result<Value> {
        Ok(connection.call(attacker, "components.install", &of(&wasm))?["digest"].take())
    };
    let swap = |version: &str| changed(setting, "swap", "swap-version-ok00000", &format!("swap-version-{version}"));
    let traps = [install(swap("ok00001")?)?, install(swap("trap000")?)?];
    attacks.push(swapping("swaps to what traps at its first call", "swap", traps, "swap.version"));
    let form = |form: &str| changed(setting, "migrates", "-form-a", &format!("-form-{form}"));
    let forms = [install(form("a")?)?, install(form("b")?)?];
    attacks.push(swapping("swaps between two forms of its documents", "migrates", forms, "migrates.list"));
    // It is compiled each time: what was refused is in no cache.
    let lies = of(&changed(setting, "liar", "LIE:no----", "LIE:fanout")?);
    let bodies = vec![wire::call("components.install", &lies)];
    attacks.push(Attack { what: "installs what lies in its manifest", connections: 4, bodies });
    Ok(attacks)
}

/// Activates one version, calls it, and goes on with the other.
fn swapping(what: &'static str, family: &str, digests: [Value; 2], method: &str) -> Attack {
    let bodies = digests.iter().flat_map(|digest| {
        let activate = json!({ "family": family, "digest": digest }).to_string();
        [wire::call("components.activate", &activate), wire::call(method, "{}")]
    });
    Attack { what, connections: 4, bodies: bodies.collect() }
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
