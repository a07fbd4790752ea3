//! `openclaw tenants disable ID` and `enable ID`

use clap::Args;
use serde_json::json;

use crate::client::Client;
use crate::error::CliError;
use crate::output::Output;

const DISABLE_EXAMPLES: &str = "\
EXAMPLES:
  openclaw tenants disable demo
  openclaw tenants disable demo --quiet";

const ENABLE_EXAMPLES: &str = "\
EXAMPLES:
  openclaw tenants enable demo
  openclaw tenants enable demo --quiet";

/// Refuse a tenant's calls from now on; its data stays.
#[derive(Debug, Args)]
#[command(after_help = DISABLE_EXAMPLES)]
pub(crate) struct Disable {
    /// The tenant.
    id: String,
}

/// Serve a disabled tenant again.
#[derive(Debug, Args)]
#[command(after_help = ENABLE_EXAMPLES)]
pub(crate) struct Enable {
    /// The tenant.
    id: String,
}

impl Disable {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        switch(&self.id, true, client, output).await
    }
}

impl Enable {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        switch(&self.id, false, client, output).await
    }
}

async fn switch(id: &str, disabled: bool, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
    let answer = client.request("tenants.update", json!({ "tenantId": id, "disabled": disabled }), None).await?;
    if output.json {
        return output.document(&answer);
    }
    if output.quiet {
        return Ok(());
    }
    output.line(&format!("tenant {id} is {}", if disabled { "disabled" } else { "enabled" }))
}
