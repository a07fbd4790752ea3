//! The speed rows of the design's targets, each against its baseline in the
//! same run: `just bench`, `bench P1 P3`, `bench --quick`.
//!
//! Ratios decide; absolute values are printed too. Load and baselines are
//! processes of their own: this binary again, under another verb.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its table")]
#![allow(clippy::disallowed_methods, reason = "it opens its own temporary homes and /proc, nobody's tenant files")]

mod attacks;
mod bare;
mod capabilities;
mod cold;
mod containers;
mod daemon;
mod dev;
mod engine;
mod home;
mod installs;
mod ledger;
mod load;
mod memories;
mod native;
mod neighbours;
mod provider;
mod report;
mod rpc;
mod services;
mod stats;
mod streams;
mod swaps;
mod terminals;
mod turns;
mod wire;
mod workloads;
mod writes;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use report::Report;

/// Measures the gateway's speed against baselines in the same run.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Which rows; all where none is named.
    #[arg(value_parser = ROWS)]
    rows: Vec<String>,
    /// Of P5, only the attacks that have this in their name.
    #[arg(long, default_value = "")]
    attack: String,
    /// A short run to see that everything works; its figures mean little.
    #[arg(long)]
    quick: bool,
    /// Fail where a target is missed.
    #[arg(long)]
    strict: bool,
    /// The daemon.
    #[arg(long, default_value = "target/release/openclaw")]
    daemon: PathBuf,
    /// Where the components are, for the rows without a daemon.
    #[arg(long, default_value = "target/components")]
    components: PathBuf,
    /// Where everything measured is written.
    #[arg(long, default_value = "target/bench.json")]
    output: PathBuf,
}

const ROWS: [&str; 21] = [
    "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P13", "C1", "C2", "C3", "C4", "C5",
    "C6", "C7", "C8",
];

/// What every row needs to know.
#[derive(Clone, Debug)]
struct Setting {
    daemon: PathBuf,
    components: PathBuf,
    /// Rounds of each side.
    rounds: usize,
    /// Length of one round.
    round: Duration,
    warm_up: Duration,
    /// Cold starts of each kind.
    starts: usize,
    /// What many tenants are.
    tenants: usize,
    /// What many calls of models are.
    usage_rows: u64,
    /// In the names of the attacks.
    attack: String,
}

impl Setting {
    fn of(arguments: &Arguments) -> Self {
        let (daemon, components) = (arguments.daemon.clone(), arguments.components.clone());
        let (milliseconds, attack) = (Duration::from_millis, arguments.attack.clone());
        if arguments.quick {
            let (round, warm_up) = (milliseconds(200), milliseconds(50));
            return Self {
                daemon,
                components,
                rounds: 2,
                round,
                warm_up,
                starts: 2,
                tenants: 200,
                usage_rows: 100_000,
                attack,
            };
        }
        let (round, warm_up) = (milliseconds(1500), milliseconds(300));
        Self {
            daemon,
            components,
            rounds: 7,
            round,
            warm_up,
            starts: 20,
            tenants: 10_000,
            usage_rows: 10_000_000,
            attack,
        }
    }
}

fn main() -> Result<ExitCode> {
    let verb: Vec<String> = std::env::args().skip(1).collect();
    match verb.first().map(String::as_str) {
        Some(load::VERB) => load::main().map(|()| ExitCode::SUCCESS),
        Some(native::VERB) => native::main(&verb[1..]).map(|()| ExitCode::SUCCESS),
        Some(provider::VERB) => provider::main(&verb[1..]).map(|()| ExitCode::SUCCESS),
        Some(engine::VERB) => engine::main(&verb[1..]).map(|()| ExitCode::SUCCESS),
        _ => bench(&Arguments::parse()),
    }
}

fn bench(arguments: &Arguments) -> Result<ExitCode> {
    let setting = Setting::of(arguments);
    ensure!(setting.daemon.is_file(), "there is no daemon at {}: build it first", setting.daemon.display());
    let wanted =
        |rows: &[&str]| arguments.rows.is_empty() || arguments.rows.iter().any(|row| rows.contains(&row.as_str()));
    let machine = report::machine();
    println!("{machine}");
    report::print_header();
    let mut report = Report::default();
    if wanted(&["P1", "P2"]) {
        rpc::measure(&setting, &mut report).context("P1 and P2")?;
    }
    if wanted(&["P3"]) {
        engine::measure(&setting, &mut report).context("P3")?;
    }
    if wanted(&["P4"]) {
        writes::measure(&setting, &mut report).context("P4")?;
    }
    if wanted(&["P5"]) {
        neighbours::measure(&setting, &mut report).context("P5")?;
    }
    if wanted(&["P6", "P7"]) {
        cold::measure(&setting, &mut report).context("P6 and P7")?;
    }
    if wanted(&["P8"]) {
        swaps::measure(&setting, &mut report).context("P8")?;
    }
    if wanted(&["P9"]) {
        workloads::measure(&setting, &mut report).context("P9")?;
    }
    if wanted(&["P10"]) {
        ledger::settling(&setting, &mut report).context("P10")?;
    }
    if wanted(&["P11"]) {
        ledger::reporting(&setting, &mut report).context("P11")?;
    }
    if wanted(&["P12"]) {
        memories::measure(&setting, &mut report).context("P12")?;
    }
    if wanted(&["P13"]) {
        streams::measure(&setting, &mut report).context("P13")?;
    }
    if wanted(&["C1"]) {
        capabilities::measure(&setting, &mut report).context("C1")?;
    }
    if wanted(&["C2"]) {
        installs::of_a_megabyte(&setting, &mut report).context("C2")?;
    }
    if wanted(&["C3"]) {
        installs::of_many_tenants(&setting, &mut report).context("C3")?;
    }
    if wanted(&["C4"]) {
        terminals::measure(&setting, &mut report).context("C4")?;
    }
    if wanted(&["C5"]) {
        containers::measure(&setting, &mut report).context("C5")?;
    }
    if wanted(&["C6"]) {
        turns::measure(&setting, &mut report).context("C6")?;
    }
    if wanted(&["C7"]) {
        streams::at_once(&setting, &mut report).context("C7")?;
    }
    if wanted(&["C8"]) {
        dev::measure(&setting, &mut report).context("C8")?;
    }
    report.write(&arguments.output, &machine, arguments.quick)?;
    println!("written to {}", arguments.output.display());
    let failed = arguments.strict && !report.all_reached();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
