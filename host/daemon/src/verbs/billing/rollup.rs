//! `openclaw billing rollup`

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Format, ask};
use crate::client::Client;
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw billing rollup --tenant demo --from 2026-11-01 --to 2026-11-30
  openclaw billing rollup --unit hour --from 2026-11-27 --format json";

/// Sum up what models cost by hour, day or month, tenant and agent.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Rollup {
    /// One tenant instead of all.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// The first day; without one, the running month.
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// The last day; without one, the first alone.
    #[arg(long, value_name = "DATE", requires = "from")]
    to: Option<String>,
    /// What one line covers.
    #[arg(long, value_enum, default_value = "day")]
    unit: Unit,
    /// How the lines are written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Unit {
    Hour,
    Day,
    Month,
}

impl Rollup {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let period = self.from.map(|from| match self.to {
            Some(to) => format!("{from}..{to}"),
            None => from,
        });
        let unit = match self.unit {
            Unit::Hour => "hour",
            Unit::Day => "day",
            Unit::Month => "month",
        };
        let params = json!({ "tenantId": self.tenant, "period": period, "unit": unit });
        ask(client, output, "billing.rollup", params, self.format).await
    }
}
