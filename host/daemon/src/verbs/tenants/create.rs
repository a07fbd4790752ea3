//! `openclaw tenants create ID`

use clap::Args;
use serde_json::json;

use super::quota_flags::QuotaFlags;
use super::token;
use crate::client::Client;
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw tenants create acme
  openclaw tenants create lab --display-name \"The lab\" --quota.requests-per-minute 600";

/// Make a tenant and print its token, this once.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Create {
    /// Its id: up to 32 of a-z, 0-9, - and _, beginning with a letter or digit.
    id: String,
    /// A name for people.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    #[command(flatten)]
    quotas: QuotaFlags,
}

impl Create {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let mut params = json!({ "tenantId": self.id });
        if let Some(name) = self.display_name {
            params["displayName"] = name.into();
        }
        if !self.quotas.is_empty() {
            params["quotas"] = self.quotas.into_patch();
        }
        let created = client.request("tenants.create", params, None).await?;
        token::print(&created, output)
    }
}
