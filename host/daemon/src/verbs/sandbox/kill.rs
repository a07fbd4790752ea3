//! `openclaw sandbox kill ID`

use clap::Args;
use serde_json::json;

use crate::client::Client;
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw sandbox list --quiet | xargs --no-run-if-empty -n 1 openclaw sandbox kill
  openclaw sandbox list --quiet | head -n 1 | xargs --no-run-if-empty openclaw sandbox kill --json";

/// End a workload or a terminal of any tenant.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Kill {
    /// As `openclaw sandbox list` shows it.
    #[arg(value_name = "ID")]
    id: String,
}

impl Kill {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let answer = client.request("admin.sandboxes.kill", json!({ "sandboxId": self.id }), None).await?;
        if output.json {
            return output.document(&answer);
        }
        if output.quiet {
            return Ok(());
        }
        output.line(&format!("{} has ended", self.id))
    }
}
