//! C6: what a turn of an agent takes besides its model, which here answers at once, beside a call of that model alone.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    Setting,
    report::{Report, Row, Verdict, micros},
    stats::Latency,
    streams::World,
};

/// Turns in a round.
const TURNS: usize = 50;

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let mut world = World::start(setting)?;
    let token = world.home.tokens[0].clone();
    let mut connection = world.gateway.connect()?;
    let ask = json!({ "model": "scripted", "messages": [{ "role": "user", "content": "Hello" }] }).to_string();
    let (mut turns, mut calls) = (Vec::new(), Vec::new());
    for n in 0..=TURNS * setting.rounds {
        // A session of its own: what an earlier turn said is no matter of this one.
        let params = json!({
            "message": "Hello", "idempotencyKey": format!("bench{n}"),
            "sessionKey": format!("agent:main:direct:bench{n}"),
        });
        let begun = Instant::now();
        let answered = connection.call(&token, "agent", &params.to_string())?;
        let turn = begun.elapsed();
        ensure!(answered["result"]["payloads"][0]["text"] == "Hello", "the agent did not answer: {answered}");
        let begun = Instant::now();
        connection.post_to("/v1/chat/completions", &token, &ask)?;
        // The first opens the tenant's databases.
        if n > 0 {
            turns.push(u64::try_from(turn.as_nanos())?);
            calls.push(u64::try_from(begun.elapsed().as_nanos())?);
        }
    }
    let (turns, calls) = (Latency::of(turns), Latency::of(calls));
    for (name, of) in [("p50", turns.p50), ("p99", turns.p99)] {
        let baseline = if name == "p50" { calls.p50 } else { calls.p99 };
        report.row(Row {
            id: "C6",
            what: format!("a turn of an agent without its model's time, {name}"),
            measured: micros(of),
            baseline: format!("model call {}", micros(baseline)),
            ratio: Some(of / baseline),
            target: String::new(),
            verdict: Verdict::Info,
        });
    }
    report.details("C6", json!({ "turnUs": turns, "callUs": calls }));
    drop(connection);
    world.stop()
}
