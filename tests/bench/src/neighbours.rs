//! P5: what one tenant notices while another attacks the gateway they share.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::{
    Setting,
    attacks::{self, Ends},
    daemon::Server,
    home::BenchHome,
    load::{self, Attack, Outcome, Plan},
    report::{Report, Row, Verdict, micros},
    stats::median,
    wire,
};

/// The neighbour's own load is light: what it waits for is the other tenant.
const CONNECTIONS: usize = 2;
const SESSIONS: usize = 20;
const METHODS: [&str; 2] = ["config.get", "sessions.list"];
/// At most this multiple of the p99 without an attack.
const P99_MULTIPLE: f64 = 2.0;

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let home = BenchHome::make(&setting.daemon, 2, SESSIONS)?;
    fs::write(home.path().join("config.yaml"), configuration(setting)?)?;
    let [neighbour, attacker] = home.tokens.as_slice() else { unreachable!("two tenants were made") };
    let mut daemon = Server::daemon(&setting.daemon, &home.path())?;
    for method in METHODS {
        daemon.connect()?.call(neighbour, method, "{}")?;
    }
    let own = Plan {
        address: daemon.address,
        connections: CONNECTIONS,
        calls: METHODS.iter().map(|method| (neighbour.clone(), wire::call(method, "{}"))).collect(),
        warm_up: setting.warm_up,
        duration: setting.round,
        gives_way: false,
    };
    let attacks = attacks::all(setting, attacker, &mut daemon.connect()?)?;
    let wanted = |attack: &attacks::Attack| attack.what.contains(&setting.attack);
    let attacks: Vec<_> = attacks.into_iter().filter(wanted).collect();
    ensure!(!attacks.is_empty(), "no attack has {:?} in its name", setting.attack);
    report.details("P5 attackers", json!({ "nice": load::NICE }));
    for attacks::Attack { what, connections, bodies, ends } in attacks {
        look(&mut daemon.connect()?, attacker, &bodies, ends).with_context(|| format!("of one who {what}"))?;
        let calls = bodies.into_iter().map(|body| (attacker.clone(), body)).collect();
        let attack = Plan { connections, calls, ..own.clone() };
        let (mut alone, mut attacked) = (Vec::new(), Vec::new());
        for _ in 0..setting.rounds {
            alone.push(load::run(&own).context("alone")?);
            let attack = Attack::start(&attack)?;
            attacked.push(load::run(&own).with_context(|| format!("while the other {what}"))?);
            attack.end()?;
        }
        row(report, what, &alone, &attacked);
    }
    daemon.stop()
}

/// Makes each call of an attack once: an attack that is turned away is none.
fn look(connection: &mut wire::Connection, attacker: &str, bodies: &[String], ends: Ends) -> Result<()> {
    if ends == Ends::Late {
        // Nothing would come before the time of the call is over.
        return Ok(());
    }
    for body in bodies {
        let reply = connection.reply(attacker, body)?;
        ensure!(ends.has(&reply), "the call was turned away: {reply}");
    }
    Ok(())
}

/// The hostile components, an attacker who installs its own, and a disk quota which ends the bombs before they fill
/// this machine's disk.
fn configuration(setting: &Setting) -> Result<String> {
    let fixture = |name: &str| -> Result<PathBuf> {
        let component = setting.components.with_file_name("fixtures").join(name);
        ensure!(component.is_file(), "{} is missing: build the components first", component.display());
        Ok(component.canonicalize()?)
    };
    let (hostile, sleeper) = (fixture("hostile.wasm")?, fixture("sleeper.wasm")?);
    Ok(format!(
        "components:\n  self_service: true\n  load: [{hostile:?}, {sleeper:?}]\n  grants:\n    \
         hostile: [config, secrets, secrets-reveal, usage, tenancy, \
         \"documents:sessions/sessions\", \"documents:sessions/archives:write\"]\n    \
         swap: [config, \"secret:key:reveal\"]\n\
         quotas: {{default: {{disk_bytes: 536870912}}}}\n"
    ))
}

fn row(report: &mut Report, what: &str, alone: &[Outcome], attacked: &[Outcome]) {
    let p99 = |rounds: &[Outcome]| median(rounds.iter().map(|outcome| outcome.latency.p99));
    let ratio = p99(attacked) / p99(alone);
    report.row(Row {
        id: "P5",
        what: format!("p99 while a neighbour {what}"),
        measured: micros(p99(attacked)),
        baseline: micros(p99(alone)),
        ratio: Some(ratio),
        target: format!("≤ {P99_MULTIPLE} ×"),
        verdict: Verdict::of(ratio <= P99_MULTIPLE),
    });
    report.details(&format!("P5 {what}"), json!({ "attacked": attacked, "alone": alone }));
}
