//! P4: calls that write, of one tenant and of a hundred.

use std::{path::Path, time::Instant};

use anyhow::Result;
use serde_json::json;

use crate::{
    Setting,
    daemon::Server,
    home::BenchHome,
    native::{self, bare_sqlite},
    report::{Report, Row, Verdict, micros, rate},
    rpc::{self, CONNECTIONS, Sides},
    wire,
};

const MANY: usize = 100;
const SHARE: f64 = 0.5;
const METHOD: &str = "sessions.create";

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let home = BenchHome::make(&setting.daemon, MANY, 0)?;
    let copy = home.copy()?;
    let mut daemon = Server::daemon(&setting.daemon, &home.path())?;
    let mut baseline = Server::baseline(native::VERB, &[native::WRITES], &copy)?;
    drop((daemon.connect()?, baseline.connect()?));
    for (tenants, name) in [(1, "one tenant"), (MANY, "100 tenants")] {
        let calls: Vec<_> =
            home.tokens[..tenants].iter().map(|token| (token.clone(), wire::call(METHOD, "{}"))).collect();
        let (mut ours, mut theirs) = (rpc::plan(setting, &daemon, calls.clone()), rpc::plan(setting, &baseline, calls));
        // Long enough to have opened every tenant's database.
        ours.warm_up *= 2;
        theirs.warm_up *= 2;
        let sides = Sides::measure(setting, &ours, &theirs)?;
        let (gateway, native) = sides.medians(|outcome| outcome.calls_per_second);
        let ratio = gateway / native;
        report.row(Row {
            id: "P4",
            what: format!("{METHOD}, {CONNECTIONS} connections, {name}"),
            measured: rate(gateway),
            baseline: rate(native),
            ratio: Some(ratio),
            target: format!("≥ {SHARE} ×"),
            verdict: Verdict::of(ratio >= SHARE),
        });
        let (gateway, native) = sides.medians(|outcome| outcome.latency.p99);
        report.row(Row {
            id: "P4",
            what: format!("{METHOD}, {name}: p99"),
            measured: micros(gateway),
            baseline: micros(native),
            ratio: Some(gateway / native),
            target: String::new(),
            verdict: Verdict::Info,
        });
        report.details(&format!("P4 {name}"), sides.details());
    }
    daemon.stop()?;
    drop(baseline);
    loop_alone(setting, &home.path(), report)
}

/// The bare insert in a loop, without HTTP: what the disk and SQLite allow at most.
fn loop_alone(setting: &Setting, home: &Path, report: &mut Report) -> Result<()> {
    let connection = bare_sqlite::open(&home.join("loop.db"))?;
    let started = Instant::now();
    let mut inserts = 0_u32;
    while started.elapsed() < setting.round {
        let (key, row, now) = bare_sqlite::row();
        bare_sqlite::insert(&connection, &key, &row, now)?;
        inserts += 1;
    }
    let per_second = f64::from(inserts) / started.elapsed().as_secs_f64();
    report.row(Row {
        id: "P4",
        what: "bare rusqlite insert loop, one thread, no HTTP".into(),
        measured: String::new(),
        baseline: rate(per_second),
        ratio: None,
        target: String::new(),
        verdict: Verdict::Info,
    });
    report.details("P4 loop", json!({ "insertsPerSecond": per_second }));
    Ok(())
}
