//! `openclaw tenants info ID`

use clap::Args;
use serde_json::json;

use crate::client::Client;
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw tenants info demo
  openclaw tenants info demo --json";

/// Show a tenant.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Info {
    /// The tenant.
    id: String,
}

impl Info {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let tenant = client.request("tenants.get", json!({ "tenantId": self.id }), None).await?;
        if output.json { output.document(&tenant) } else { output.fields(&tenant) }
    }
}
