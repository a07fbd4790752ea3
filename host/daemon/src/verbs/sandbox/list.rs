//! `openclaw sandbox list`

use clap::Args;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::CliError;
use crate::output::{Output, plain};

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw sandbox list
  openclaw sandbox list --json";

/// List the workloads that run and the terminals that are open, of all tenants.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {}

impl List {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let answer = client.request("admin.sandboxes.list", json!({}), None).await?;
        if output.json {
            return output.document(&answer);
        }
        let running = answer["sandboxes"].as_array().map(Vec::as_slice).unwrap_or_default();
        if output.quiet {
            return running.iter().try_for_each(|sandbox| output.line(&plain(&sandbox["sandboxId"])));
        }
        if running.is_empty() {
            output.note("nothing runs");
            return Ok(());
        }
        let rows: Vec<Vec<String>> = running.iter().map(row).collect();
        output.table(&["SANDBOX", "TENANT", "AGENT", "KIND", "MODE", "PID", "CREATED", "CPU MS", "PEAK MIB"], &rows)
    }
}

fn row(sandbox: &Value) -> Vec<String> {
    let usage = &sandbox["resourceUsage"];
    let peak = usage["peakMemoryBytes"].as_u64().unwrap_or_default().div_ceil(1 << 20);
    let columns = ["sandboxId", "tenantId", "agentId", "kind", "mode", "pid", "createdAt"];
    let mut row: Vec<String> = columns.iter().map(|column| plain(&sandbox[*column])).collect();
    row.extend([plain(&usage["cpuMs"]), peak.to_string()]);
    row
}
