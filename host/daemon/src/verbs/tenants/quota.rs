//! `openclaw tenants quota show ID` and `quota set ID …`

use clap::{Args, Subcommand};
use openclaw_config::quota_without_effect;
use serde_json::json;

use super::quota_flags::QuotaFlags;
use crate::client::Client;
use crate::error::CliError;
use crate::output::Output;

const SHOW_EXAMPLES: &str = "\
EXAMPLES:
  openclaw tenants quota show demo
  openclaw tenants quota show demo --json";

const SET_EXAMPLES: &str = "\
EXAMPLES:
  openclaw tenants quota set demo --quota.requests-per-minute 600 --quota.cost-per-day-usd 2.50
  openclaw tenants quota set demo --quota.requests-per-minute none";

/// Show and change what a tenant may use.
#[derive(Debug, Args)]
pub(crate) struct Quota {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Show(Show),
    Set(Set),
}

/// Show a tenant's quotas and how much of them is used.
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    /// The tenant.
    id: String,
}

/// Change the quotas that are named; the others stay.
///
/// Rates count what comes with the tenant's own token: the operator's calls on its behalf are free.
#[derive(Debug, Args)]
#[command(after_help = SET_EXAMPLES)]
struct Set {
    /// The tenant.
    id: String,
    #[command(flatten)]
    quotas: QuotaFlags,
}

impl Quota {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let answer = match self.verb {
            Verb::Show(Show { id }) => client.request("tenants.quota.status", json!({ "tenantId": id }), None).await?,
            Verb::Set(Set { id, quotas }) => {
                if quotas.is_empty() {
                    return Err(CliError::usage("no quota is named").hint("name one: --quota.requests-per-minute 600"));
                }
                let patch = quotas.into_patch();
                for (name, _) in patch.as_object().into_iter().flatten().filter(|(_, limit)| !limit.is_null()) {
                    if let Some(why) = quota_without_effect(name) {
                        output.warning(&format!("{name} {why}"));
                    }
                }
                let params = json!({ "tenantId": id, "quotas": patch });
                let answer = client.request("tenants.quota.update", params, None).await?;
                if output.quiet && !output.json {
                    return Ok(());
                }
                answer
            }
        };
        if output.json { output.document(&answer) } else { output.fields(&answer) }
    }
}
