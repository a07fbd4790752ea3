//! `openclaw billing rerate --dry-run`

use clap::Args;
use serde_json::json;

use super::{Format, ask};
use crate::client::Client;
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw billing rerate --dry-run
  openclaw billing rerate --dry-run --tenant demo --period last-month --format csv";

/// Show what calls would have cost by the rate card in force.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Rerate {
    /// Must be given: rows keep the prices that they were made with, and nothing changes that.
    #[arg(long, required = true)]
    dry_run: bool,
    /// One tenant instead of all.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// current-month, last-month, 2026-11, 2026-11-15 or 2026-11-01..2026-11-15.
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
    /// How the lines are written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Rerate {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        debug_assert!(self.dry_run, "the grammar asks for it");
        let params = json!({ "tenantId": self.tenant, "period": self.period });
        ask(client, output, "billing.rerate", params, self.format).await
    }
}
