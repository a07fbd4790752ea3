//! `openclaw tenants list`

use clap::Args;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::CliError;
use crate::output::{Output, plain};

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw tenants list
  openclaw tenants list --json";

/// List all tenants.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {}

impl List {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let answer = client.request("tenants.list", json!({}), None).await?;
        if output.json {
            return output.document(&answer);
        }
        let tenants = answer["tenants"].as_array().map(Vec::as_slice).unwrap_or_default();
        if output.quiet {
            return tenants.iter().try_for_each(|tenant| output.line(&plain(&tenant["tenantId"])));
        }
        if tenants.is_empty() {
            output.note("there are no tenants: `openclaw tenants create ID` makes one");
            return Ok(());
        }
        let rows: Vec<Vec<String>> = tenants.iter().map(row).collect();
        output.table(&["TENANT", "NAME", "STATE", "CREATED", "LAST SEEN"], &rows)
    }
}

fn row(tenant: &Value) -> Vec<String> {
    let state = if tenant["disabled"] == true { "disabled" } else { "active" };
    vec![
        plain(&tenant["tenantId"]),
        plain(&tenant["displayName"]),
        state.to_owned(),
        plain(&tenant["createdAt"]),
        plain(&tenant["lastSeenAt"]),
    ]
}
