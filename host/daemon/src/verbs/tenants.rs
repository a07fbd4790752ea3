//! `openclaw tenants …`: the operator's view of all tenants.

mod create;
mod delete;
mod info;
mod list;
mod quota;
mod quota_flags;
mod switch;
mod token;

use clap::{Args, Subcommand};

use crate::cli::Global;
use crate::client::{Caller, Client};
use crate::error::CliError;
use crate::output::Output;

/// Create tenants, look at them, change them.
#[derive(Debug, Args)]
pub(crate) struct Tenants {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Create(create::Create),
    List(list::List),
    Info(info::Info),
    Disable(switch::Disable),
    Enable(switch::Enable),
    #[command(alias = "remove")]
    Delete(delete::Delete),
    Token(token::Token),
    Quota(quota::Quota),
}

impl Tenants {
    pub(crate) async fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let client = Client::new(global, Caller::OfEnvironment);
        let client = &if matches!(self.verb, Verb::Create(_)) { client.making_home() } else { client };
        match self.verb {
            Verb::Create(create) => create.run(client, output).await,
            Verb::List(list) => list.run(client, output).await,
            Verb::Info(info) => info.run(client, output).await,
            Verb::Disable(disable) => disable.run(client, output).await,
            Verb::Enable(enable) => enable.run(client, output).await,
            Verb::Delete(delete) => delete.run(client, output).await,
            Verb::Token(token) => token.run(client, output).await,
            Verb::Quota(quota) => quota.run(client, output).await,
        }
    }
}
