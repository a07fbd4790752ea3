//! `openclaw sandbox …`: workloads of a tenant, and the system that they see.

mod image;
mod info;
mod kill;
mod list;
mod run;

use clap::{Args, Subcommand};

use crate::cli::Global;
use crate::client::{Caller, Client};
use crate::error::CliError;
use crate::output::Output;

/// Run commands in a tenant's sandbox, see and end what runs, and build what it sees.
#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Run),
    Info(info::Info),
    List(list::List),
    Kill(kill::Kill),
    Image(image::Image),
}

impl Sandbox {
    pub(crate) async fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let client = &Client::new(global, Caller::OfEnvironment);
        match self.verb {
            Verb::Run(run) => run.run(client, output).await,
            Verb::Info(info) => info.run(client, output).await,
            Verb::List(list) => list.run(client, output).await,
            Verb::Kill(kill) => kill.run(client, output).await,
            Verb::Image(image) => image.run(global, output),
        }
    }
}
