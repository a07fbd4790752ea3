//! `openclaw tenants delete ID`

use clap::Args;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw tenants delete demo
  openclaw tenants delete demo --confirm";

/// Delete a tenant with everything it has.
///
/// Without --confirm: show what would go, what it has cost this month among it,
/// and delete nothing. Its rows of the ledger go too: `openclaw billing report ID
/// --calls --csv` exports them. Only the audit log remembers a deleted tenant.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Delete {
    /// The tenant.
    id: String,
    /// Really delete it.
    #[arg(long, aliases = ["force", "yes"])]
    confirm: bool,
    /// Understood for the sake of old scripts: the data always goes with the tenant.
    #[arg(long, hide = true)]
    delete_data: bool,
}

impl Delete {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        if !self.confirm {
            return self.preview(client, output).await;
        }
        let params = json!({ "tenantId": self.id, "confirm": true });
        let answer = client.request("tenants.delete", params, None).await?;
        if output.json {
            return output.document(&answer);
        }
        if output.quiet {
            return Ok(());
        }
        output.line(&format!("tenant {} is deleted", self.id))
    }

    async fn preview(&self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let named = json!({ "tenantId": self.id });
        let mut preview = client.request("tenants.get", named.clone(), None).await?;
        let measured = json!({ "tenantId": self.id, "refreshDisk": true });
        let usage = client.request("tenants.usage", measured, None).await?;
        for member in ["diskUsageBytes", "totalCostUsd", "totalSessions"] {
            preview[member] = usage.get(member).cloned().unwrap_or(Value::Null);
        }
        if output.json {
            preview["deleted"] = false.into();
            output.document(&preview)?;
        } else if !output.quiet {
            output.line("This would go:")?;
            output.fields(&preview)?;
        }
        Err(CliError::failed("nothing was deleted")
            .hint(format!("`openclaw tenants delete {} --confirm` deletes it for good", self.id)))
    }
}
