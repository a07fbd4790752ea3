//! `openclaw billing report ID`

use clap::Args;
use serde_json::json;

use super::{Format, ask};
use crate::client::Client;
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw billing report demo --period last-month
  openclaw billing report demo --csv
  openclaw billing report demo --calls --format csv";

/// Report what models cost a tenant: a line each provider, model and rate card.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Report {
    /// The tenant; all of them without one.
    id: Option<String>,
    /// current-month, last-month, 2026-11, 2026-11-15 or 2026-11-01..2026-11-15.
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
    /// A line each call.
    #[arg(long)]
    calls: bool,
    /// As --format csv.
    #[arg(long, conflicts_with = "format")]
    csv: bool,
    /// How the lines are written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Report {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let format = if self.csv { Format::Csv } else { self.format };
        let params = json!({ "tenantId": self.id, "period": self.period, "calls": self.calls });
        ask(client, output, "billing.report", params, format).await
    }
}
