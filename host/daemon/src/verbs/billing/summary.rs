//! `openclaw billing summary`

use clap::Args;
use serde_json::json;

use super::{Format, ask};
use crate::client::Client;
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw billing summary
  openclaw billing summary --csv
  openclaw billing summary --period 2026-11 --format csv";

/// Sum up what each tenant used: models, sandboxes, tools, storage.
///
/// Models asked for `tool_calls`; `tools_run` of them were run and answered: a
/// tenant reads that number as toolCalls of `tenants.usage`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Summary {
    /// current-month, last-month, 2026-11, 2026-11-15 or 2026-11-01..2026-11-15.
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
    /// One tenant instead of all.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// As --format csv.
    #[arg(long, conflicts_with = "format")]
    csv: bool,
    /// How the lines are written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Summary {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let format = if self.csv { Format::Csv } else { self.format };
        let params = json!({ "tenantId": self.tenant, "period": self.period });
        ask(client, output, "billing.summary", params, format).await
    }
}
