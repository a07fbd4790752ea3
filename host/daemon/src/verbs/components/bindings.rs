//! `openclaw components activate|rollback|remove`: what changes a binding that is there.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::error::{CliError, Kind};
use crate::output::{Output, plain};

/// Fewer digits name no version.
const SHORTEST_DIGEST: usize = 8;

/// Whose bindings are meant.
#[derive(Debug, Args)]
pub(super) struct Scope {
    /// Of one tenant, instead of everyone.
    #[arg(long, value_name = "ID", conflicts_with = "group")]
    tenant: Option<String>,
    /// Of one group of components.groups, instead of everyone.
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
}

impl Scope {
    /// One tenant's.
    pub(super) fn tenant(id: &str) -> Self {
        Self { tenant: Some(id.to_owned()), group: None }
    }

    /// Calls a method about these bindings; members that are null are left out.
    pub(super) async fn request(&self, client: &Client<'_>, method: &str, params: Value) -> Result<Value, CliError> {
        self.request_with(client, method, params, None).await
    }

    /// The same, with a file that is uploaded first.
    pub(super) async fn request_with(
        &self,
        client: &Client<'_>,
        method: &str,
        params: Value,
        upload: Option<&[u8]>,
    ) -> Result<Value, CliError> {
        let mut members = match params {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        members.retain(|_, value| !value.is_null());
        members.extend(self.group.clone().map(|group| ("group".to_owned(), group.into())));
        client.request_with(method, members.into(), self.tenant.as_deref(), upload).await
    }

    /// The digest that begins so: `components list` shows the first twelve digits.
    async fn whole_digest(
        &self,
        client: &Client<'_>,
        family: &str,
        digest: Option<String>,
    ) -> Result<Option<String>, CliError> {
        let Some(given) = digest else { return Ok(None) };
        let begins = given.strip_prefix("sha256:").unwrap_or(&given);
        if begins.len() < SHORTEST_DIGEST || begins.len() >= 64 {
            return Ok(Some(given));
        }
        let listed = self.request(client, "components.list", json!({})).await?;
        let rows = listed["components"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut found: Vec<&str> = rows
            .iter()
            .filter(|row| row["family"] == family)
            .filter_map(|row| row["digest"].as_str())
            .filter(|digest| digest.trim_start_matches("sha256:").starts_with(begins))
            .collect();
        found.sort_unstable();
        found.dedup();
        match found[..] {
            [digest] => Ok(Some(digest.to_owned())),
            [] => Err(CliError::new(Kind::NotFound, format!("{family} has no version {given} here"))
                .hint("`openclaw components list` shows those that are kept")),
            _ => Err(CliError::usage(format!("{} versions begin with {given}: give more digits", found.len()))),
        }
    }
}

const ACTIVATE_EXAMPLES: &str = "\
EXAMPLES:
  openclaw components activate lookup --tenant demo
  openclaw components activate lookup --tenant demo --grant config --json";

/// Let a canary take all calls, or bind a version that is kept; grants that are named replace those it had.
#[derive(Debug, Args)]
#[command(after_help = ACTIVATE_EXAMPLES)]
pub(super) struct Activate {
    /// The family.
    family: String,
    /// The version, by its digest [default: the canary].
    #[arg(long, value_name = "SHA256")]
    digest: Option<String>,
    /// A grant, such as config or secret:key:reveal; again for each.
    #[arg(long = "grant", value_name = "GRANT")]
    grants: Vec<String>,
    #[command(flatten)]
    scope: Scope,
}

const ROLLBACK_EXAMPLES: &str = "\
EXAMPLES:
  openclaw components rollback lookup --tenant demo
  openclaw components rollback lookup --json";

/// End a canary, or go back to the version before.
#[derive(Debug, Args)]
#[command(after_help = ROLLBACK_EXAMPLES)]
pub(super) struct Rollback {
    /// The family.
    family: String,
    #[command(flatten)]
    scope: Scope,
}

const REMOVE_EXAMPLES: &str = "\
EXAMPLES:
  openclaw components remove lookup --tenant demo
  openclaw components remove lookup --json";

/// Take one version of a family away, or all: what is below is bound again.
#[derive(Debug, Args)]
#[command(after_help = REMOVE_EXAMPLES)]
pub(super) struct Remove {
    /// The family.
    family: String,
    /// One version alone, by its digest.
    #[arg(long, value_name = "SHA256")]
    digest: Option<String>,
    #[command(flatten)]
    scope: Scope,
}

impl Activate {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let grants = (!self.grants.is_empty()).then_some(self.grants);
        let digest = self.scope.whole_digest(client, &self.family, self.digest).await?;
        let params = json!({ "family": self.family, "digest": digest, "grants": grants });
        show(&self.scope.request(client, "components.activate", params).await?, output)
    }
}

impl Rollback {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        show(&self.scope.request(client, "components.rollback", json!({ "family": self.family })).await?, output)
    }
}

impl Remove {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let digest = self.scope.whole_digest(client, &self.family, self.digest).await?;
        let params = json!({ "family": self.family, "digest": digest });
        show(&self.scope.request(client, "components.remove", params).await?, output)
    }
}

fn show(changed: &Value, output: &Output) -> Result<(), CliError> {
    if output.json {
        return output.document(changed);
    }
    if output.quiet {
        return Ok(());
    }
    let family = plain(&changed["family"]);
    match changed["active"].as_str() {
        Some(digest) => output.line(&format!("{family} is served by {digest}")),
        None => output.line(&format!("{family} has no component of its own here any more")),
    }
}
