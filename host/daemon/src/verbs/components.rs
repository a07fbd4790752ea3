//! `openclaw components …`: what the author of a component works with, and what
//! the operator installs and swaps by.

mod bindings;
mod calls;
mod check;
mod compare;
mod file;
mod install;
mod keygen;
mod keys;
mod list;
mod sign;
mod test;
mod trial;
mod verify;

use clap::{Args, Subcommand};

use crate::cli::Global;
use crate::client::Client;
use crate::error::CliError;
use crate::output::Output;

/// Look at components, try them, sign them; install and swap them.
#[derive(Debug, Args)]
pub(crate) struct Components {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Check(check::Check),
    Test(test::Test),
    Keygen(keygen::Keygen),
    Sign(sign::Sign),
    Verify(verify::Verify),
    List(list::List),
    Install(install::Install),
    Activate(bindings::Activate),
    Rollback(bindings::Rollback),
    Remove(bindings::Remove),
}

impl Components {
    pub(crate) async fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let client = &Client::of_environment(global);
        match self.verb {
            Verb::Check(check) => check.run(output).await,
            Verb::Test(test) => test.run(output).await,
            Verb::Keygen(keygen) => keygen.run(output),
            Verb::Sign(sign) => sign.run(output),
            Verb::Verify(verify) => verify.run(output),
            Verb::List(list) => list.run(client, output).await,
            Verb::Install(install) => install.run(client, output).await,
            Verb::Activate(activate) => activate.run(client, output).await,
            Verb::Rollback(rollback) => rollback.run(client, output).await,
            Verb::Remove(remove) => remove.run(client, output).await,
        }
    }
}
