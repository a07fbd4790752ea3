//! `openclaw tenants token rotate ID`, and the one place that prints tokens.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::CliError;
use crate::output::{Output, plain};

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw tenants token rotate demo
  openclaw tenants token rotate demo --quiet";

/// Replace a tenant's token.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Token {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The tenant, as `rotate` takes it.
    #[arg(hide = true, required = true)]
    id: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Rotate(Rotate),
}

/// Make a new token and print it, this once; the old one is refused from now on.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
struct Rotate {
    /// The tenant.
    id: String,
}

impl Token {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let named = self.verb.map(|Verb::Rotate(rotate)| rotate.id).or(self.id);
        let id = named.ok_or_else(|| CliError::usage("the tenant's id is missing"))?;
        let rotated = client.request("tenants.rotate", json!({ "tenantId": id }), None).await?;
        print(&rotated, output)
    }
}

/// Prints an answer with a token in it.
pub(super) fn print(answer: &Value, output: &Output) -> Result<(), CliError> {
    if output.json {
        return output.document(answer);
    }
    if output.quiet {
        return output.line(&plain(&answer["token"]));
    }
    output.fields(answer)?;
    output.note("the token is shown this once: keep it in a safe place");
    Ok(())
}
