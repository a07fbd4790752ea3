//! `openclaw sandbox …`: workloads of a tenant, and the system that they see.

mod image;
mod info;
mod run;

use clap::{Args, Subcommand};

use crate::cli::Global;
use crate::client::{Caller, Client};
use crate::error::CliError;
use crate::output::Output;

/// Run commands in a tenant's sandbox, and build what they see.
#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Run),
    Info(info::Info),
    Image(image::Image),
}

impl Sandbox {
    pub(crate) async fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let client = &Client::new(global, Caller::OfEnvironment);
        match self.verb {
            Verb::Run(run) => run.run(client, output).await,
            Verb::Info(info) => info.run(client, output).await,
            Verb::Image(image) => image.run(global, output),
        }
    }
}
