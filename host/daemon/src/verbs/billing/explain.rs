//! `openclaw billing explain ROW`

use clap::Args;
use serde_json::json;

use super::{Format, ask};
use crate::client::Client;
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw billing explain 01KAZ3M8T4Q0RZ7W6YB5X2V9NE
  openclaw billing explain 01KAZ3M8T4Q0RZ7W6YB5X2V9NE --format json";

/// Show which prices make up the cost of one call.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Explain {
    /// The call: its request_id of `billing report --calls`, or the header x-openclaw-call-id.
    row: String,
    /// How the lines are written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Explain {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        ask(client, output, "billing.explain", json!({ "id": self.row }), self.format).await
    }
}
