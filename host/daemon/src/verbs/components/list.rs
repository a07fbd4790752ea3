//! `openclaw components list`

use clap::Args;
use serde_json::{Value, json};

use super::bindings::Scope;
use crate::client::Client;
use crate::error::CliError;
use crate::output::{Output, plain};

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw components list
  openclaw components list --tenant demo --json";

/// List the components that serve, and the versions that are kept.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    #[command(flatten)]
    scope: Scope,
}

impl List {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let answer = self.scope.request(client, "components.list", json!({})).await?;
        if output.json {
            return output.document(&answer);
        }
        let components = answer["components"].as_array().map(Vec::as_slice).unwrap_or_default();
        if output.quiet {
            return components.iter().try_for_each(|row| output.line(&plain(&row["family"])));
        }
        let rows: Vec<Vec<String>> = components.iter().map(row).collect();
        output.table(&["FAMILY", "VERSION", "STATE", "SOURCE", "CALLS", "ERRORS", "P99 µs", "DIGEST"], &rows)
    }
}

fn row(component: &Value) -> Vec<String> {
    let digest = plain(&component["digest"]);
    let state = match component["canaryPercent"].as_u64() {
        Some(percent) => format!("{} {percent} %", plain(&component["state"])),
        None => plain(&component["state"]),
    };
    vec![
        plain(&component["family"]),
        plain(&component["version"]),
        state,
        plain(&component["source"]),
        plain(&component["calls"]),
        plain(&component["errors"]),
        plain(&component["p99Us"]),
        // As many as tell versions apart, with the algorithm before them.
        digest.chars().take("sha256:".len() + 12).collect(),
    ]
}
