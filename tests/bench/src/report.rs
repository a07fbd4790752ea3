//! The table on the terminal and `bench.json`.

use std::{fmt, fs, path::Path, process::Command};

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

/// One row of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// As targets.md counts them.
    pub(crate) id: &'static str,
    pub(crate) what: String,
    pub(crate) measured: String,
    pub(crate) baseline: String,
    /// Measured over baseline.
    pub(crate) ratio: Option<f64>,
    pub(crate) target: String,
    pub(crate) verdict: Verdict,
}

/// Whether the target was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Ok,
    Short,
    /// Printed for information: there is no target.
    Info,
}

impl Verdict {
    pub(crate) fn of(reached: bool) -> Self {
        if reached { Self::Ok } else { Self::Short }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Short => "short",
            Self::Info => "",
        })
    }
}

/// All rows with what they were made from.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    details: serde_json::Map<String, Value>,
}

impl Report {
    /// Prints a row as soon as it is known, and keeps it.
    pub(crate) fn row(&mut self, row: Row) {
        print_row(&row);
        self.rows.push(row);
    }

    /// Everything that was measured for a row, for the file.
    pub(crate) fn details(&mut self, id: &str, details: Value) {
        self.details.insert(id.into(), details);
    }

    pub(crate) fn all_reached(&self) -> bool {
        self.rows.iter().all(|row| row.verdict != Verdict::Short)
    }

    /// Writes the file.
    pub(crate) fn write(&self, path: &Path, machine: &Value, quick: bool) -> Result<()> {
        let whole = json!({ "machine": machine, "quick": quick, "rows": self.rows, "details": self.details });
        fs::write(path, serde_json::to_string_pretty(&whole)? + "\n")?;
        Ok(())
    }
}

/// The table's first line.
pub(crate) fn print_header() {
    println!("{:<4} {:<44} {:>22} {:>22} {:>7}  {:<28} verdict", "", "what", "measured", "baseline", "ratio", "target");
}

fn print_row(row: &Row) {
    let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    println!(
        "{:<4} {:<44} {:>22} {:>22} {ratio:>7}  {:<28} {}",
        row.id, row.what, row.measured, row.baseline, row.target, row.verdict
    );
}

/// What the figures depend on.
pub(crate) fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let commit = Command::new("git").args(["rev-parse", "HEAD"]).output().ok().filter(|output| output.status.success());
    json!({
        "cpu": model.map_or("unknown", |(_, model)| model),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "loadAtStart": read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "),
        "commit": commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        "time": jiff::Timestamp::now().to_string(),
    })
}

/// `12.3k` and the like: four digits are enough to compare by.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second >= 10_000.0 { format!("{:.1}k/s", per_second / 1000.0) } else { format!("{per_second:.0}/s") }
}

/// Microseconds or milliseconds.
pub(crate) fn micros(microseconds: f64) -> String {
    if microseconds >= 1000.0 { format!("{:.2} ms", microseconds / 1000.0) } else { format!("{microseconds:.1} µs") }
}
