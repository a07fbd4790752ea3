//! P6 and P7: from exec to the first answer, and memory at rest, with one
//! tenant and with many.

use std::{fs, path::Path, thread, time::Duration};

use anyhow::Result;
use serde_json::json;

use crate::{
    Setting,
    daemon::{Memory, Server},
    home::BenchHome,
    report::{Report, Row, Verdict, micros},
    stats::{Latency, median},
};

const METHOD: &str = "health";
/// Until allocations of the start have settled.
const REST: Duration = Duration::from_secs(3);

/// What is asked of one number of tenants.
struct Target {
    start_ms: f64,
    memory_mb: f64,
}

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let one = BenchHome::make(&setting.daemon, 1, 0)?;
    first_ever(setting, &one, report)?;
    with_tenants(setting, &one, &Target { start_ms: 100.0, memory_mb: 60.0 }, report)?;
    drop(one);
    let many = BenchHome::make(&setting.daemon, setting.tenants, 0)?;
    with_tenants(setting, &many, &Target { start_ms: 150.0, memory_mb: 120.0 }, report)
}

fn with_tenants(setting: &Setting, home: &BenchHome, target: &Target, report: &mut Report) -> Result<()> {
    let tenants = home.tokens.len();
    let name = if tenants == 1 { "1 tenant".to_owned() } else { format!("{tenants} tenants") };
    start(setting, &home.path(), &home.tokens[0])?.stop()?;
    let starts = starts(setting, home, |_| Ok(()))?;
    start_row(report, &format!("cold start, warm cache, {name}"), starts, target.start_ms);
    let server = start(setting, &home.path(), &home.tokens[0])?;
    thread::sleep(REST);
    let Memory { rss, pss } = server.memory()?;
    let megabytes = |kib: u64| kib as f64 * 1024.0 / 1e6;
    report.row(Row {
        id: "P7",
        what: format!("resident at rest, {name}: RSS (PSS)"),
        measured: format!("{:.1} MB ({:.1} MB)", megabytes(rss), megabytes(pss)),
        baseline: String::new(),
        ratio: None,
        target: format!("≤ {} MB", target.memory_mb),
        verdict: Verdict::of(megabytes(rss) <= target.memory_mb),
    });
    report.details(&format!("P7 {name}"), json!({ "rssKiB": rss, "pssKiB": pss }));
    server.stop()
}

/// With everything but the tenant to be made again: above all, components to be compiled.
fn first_ever(setting: &Setting, home: &BenchHome, report: &mut Report) -> Result<()> {
    let starts = starts(setting, home, |path| match fs::remove_dir_all(path.join("cache")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    })?;
    start_row(report, "first start, nothing cached", starts, 3000.0);
    Ok(())
}

fn start(setting: &Setting, home: &Path, token: &str) -> Result<Server> {
    let mut server = Server::daemon(&setting.daemon, home)?;
    server.first_answer(token, METHOD)?;
    Ok(server)
}

/// Nanoseconds of each start.
fn starts(setting: &Setting, home: &BenchHome, prepare: impl Fn(&Path) -> Result<()>) -> Result<Vec<u64>> {
    let mut nanoseconds = Vec::with_capacity(setting.starts);
    for _ in 0..setting.starts {
        prepare(&home.path())?;
        let mut server = Server::daemon(&setting.daemon, &home.path())?;
        nanoseconds.push(u64::try_from(server.first_answer(&home.tokens[0], METHOD)?.as_nanos())?);
        server.stop()?;
    }
    Ok(nanoseconds)
}

fn start_row(report: &mut Report, what: &str, nanoseconds: Vec<u64>, target_ms: f64) {
    let p50 = median(nanoseconds.iter().map(|&n| n as f64 / 1000.0));
    let latency = Latency::of(nanoseconds);
    report.details(
        &format!("P6 {what}"),
        json!({ "medianMicros": p50, "p90Micros": latency.p90, "maxMicros": latency.max }),
    );
    report.row(Row {
        id: "P6",
        what: format!("{what}: median (p90)"),
        measured: format!("{} ({})", micros(p50), micros(latency.p90)),
        baseline: String::new(),
        ratio: None,
        target: format!("≤ {target_ms} ms"),
        verdict: Verdict::of(p50 / 1000.0 <= target_ms),
    });
}
