//! `openclaw components …`: what the author of a component works with, and what
//! the operator installs and swaps by.

mod bench;
mod bindings;
mod calls;
mod check;
mod contract;
mod dev;
mod embed;
mod encode;
mod file;
mod install;
mod keygen;
mod keys;
mod list;
mod new;
mod publish;
mod sign;
mod source;
mod test;
mod trial;
mod verify;

use clap::{Args, Subcommand};

use crate::cli::Global;
use crate::client::{Caller, Client};
use crate::error::CliError;
use crate::output::Output;

/// Make components, look at them, try them, sign them; install and swap them.
#[derive(Debug, Args)]
pub(crate) struct Components {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    New(new::New),
    Check(check::Check),
    Test(test::Test),
    Bench(bench::Bench),
    Dev(dev::Dev),
    CBindings(encode::CBindings),
    Encode(encode::Encode),
    Embed(embed::Embed),
    Keygen(keygen::Keygen),
    Sign(sign::Sign),
    Verify(verify::Verify),
    Publish(publish::Publish),
    List(list::List),
    Install(install::Install),
    Activate(bindings::Activate),
    Rollback(bindings::Rollback),
    Remove(bindings::Remove),
}

impl Components {
    pub(crate) async fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let client = &Client::new(global, Caller::OfEnvironment);
        match self.verb {
            Verb::New(new) => new.run(output),
            Verb::Check(check) => check.run(output).await,
            Verb::Test(test) => test.run(output).await,
            Verb::Bench(bench) => bench.run(output).await,
            Verb::Dev(dev) => dev.run(client, output).await,
            Verb::CBindings(bindings) => bindings.run(),
            Verb::Encode(encode) => encode.run(output),
            Verb::Embed(embed) => embed.run(output),
            Verb::Keygen(keygen) => keygen.run(output),
            Verb::Sign(sign) => sign.run(output),
            Verb::Verify(verify) => verify.run(output),
            Verb::Publish(publish) => publish.run(output).await,
            Verb::List(list) => list.run(client, output).await,
            Verb::Install(install) => install.run(client, output).await,
            Verb::Activate(activate) => activate.run(client, output).await,
            Verb::Rollback(rollback) => rollback.run(client, output).await,
            Verb::Remove(remove) => remove.run(client, output).await,
        }
    }
}
