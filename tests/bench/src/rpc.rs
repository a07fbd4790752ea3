//! P1 and P2: `POST /rpc` of methods that read, through components, against
//! the same handlers written natively.

use anyhow::{Context, Result};
use serde_json::json;

use crate::{
    Setting,
    daemon::Server,
    home::BenchHome,
    load::{self, Outcome, Plan},
    native,
    report::{Report, Row, Verdict, micros, rate},
    stats::median,
    wire,
};

/// As many connections as the rows ask for.
pub(crate) const CONNECTIONS: usize = 16;
const SESSIONS: usize = 100;
const METHODS: [&str; 3] = ["health", "sessions.list", "config.get"];
/// P1: at least this share of the native rate. P2: at most this multiple of the native p99.
const RATE_SHARE: f64 = 0.75;
const P99_MULTIPLE: f64 = 1.5;

/// Both sides' rounds, in turn: a machine that is slow for a while is slow for both.
#[derive(Debug, Default)]
pub(crate) struct Sides {
    pub(crate) gateway: Vec<Outcome>,
    pub(crate) native: Vec<Outcome>,
}

impl Sides {
    pub(crate) fn measure(setting: &Setting, gateway: &Plan, native: &Plan) -> Result<Self> {
        let mut sides = Self::default();
        for _ in 0..setting.rounds {
            sides.gateway.push(load::run(gateway).context("the gateway")?);
            sides.native.push(load::run(native).context("the baseline")?);
        }
        Ok(sides)
    }

    /// The medians of a figure.
    pub(crate) fn medians(&self, figure: impl Fn(&Outcome) -> f64) -> (f64, f64) {
        (median(self.gateway.iter().map(&figure)), median(self.native.iter().map(&figure)))
    }

    pub(crate) fn details(&self) -> serde_json::Value {
        json!({ "gateway": self.gateway, "baseline": self.native })
    }
}

/// A plan for the sessions of one setting.
pub(crate) fn plan(setting: &Setting, server: &Server, calls: Vec<(String, String)>) -> Plan {
    Plan {
        address: server.address,
        connections: CONNECTIONS,
        calls,
        warm_up: setting.warm_up,
        duration: setting.round,
        gives_way: false,
    }
}

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let home = BenchHome::make(&setting.daemon, 1, SESSIONS)?;
    let copy = home.copy()?;
    let token = &home.tokens[0];
    let mut daemon = Server::daemon(&setting.daemon, &home.path())?;
    let mut baseline = Server::baseline(native::VERB, &[native::READS], &copy)?;
    for method in METHODS {
        let ours = daemon.connect()?.call(token, method, "{}")?;
        let theirs = baseline.connect()?.call(token, method, "{}")?;
        native::check_same(method, &ours, &theirs)?;
    }
    let mut latencies = Vec::new();
    for method in METHODS {
        let calls = vec![(token.clone(), wire::call(method, "{}"))];
        let sides = Sides::measure(setting, &plan(setting, &daemon, calls.clone()), &plan(setting, &baseline, calls))?;
        let (gateway, native) = sides.medians(|outcome| outcome.calls_per_second);
        let ratio = gateway / native;
        report.row(Row {
            id: "P1",
            what: format!("{method}, {CONNECTIONS} connections"),
            measured: rate(gateway),
            baseline: rate(native),
            ratio: Some(ratio),
            target: format!("≥ {RATE_SHARE} ×"),
            verdict: Verdict::of(ratio >= RATE_SHARE),
        });
        report.details(&format!("P1 {method}"), sides.details());
        latencies.push((method, sides));
    }
    for (method, sides) in latencies {
        let (gateway, native) = sides.medians(|outcome| outcome.latency.p99);
        let (gateway_p50, native_p50) = sides.medians(|outcome| outcome.latency.p50);
        let ratio = gateway / native;
        report.row(Row {
            id: "P2",
            what: format!("{method}: p99 (p50)"),
            measured: format!("{} ({})", micros(gateway), micros(gateway_p50)),
            baseline: format!("{} ({})", micros(native), micros(native_p50)),
            ratio: Some(ratio),
            target: format!("≤ {P99_MULTIPLE} ×"),
            verdict: Verdict::of(ratio <= P99_MULTIPLE),
        });
    }
    daemon.stop()?;
    drop(baseline);
    Ok(())
}
