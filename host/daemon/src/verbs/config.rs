//! `openclaw config …`: the gateway's own configuration.

mod explain;
mod schema;
mod show;
mod validate;

use clap::{Args, Subcommand};

use crate::cli::Global;
use crate::error::CliError;
use crate::output::Output;

/// Look at the gateway's configuration.
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Validate(validate::Validate),
    Show(show::Show),
    Explain(explain::Explain),
    Schema(schema::Schema),
}

impl Config {
    pub(crate) fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        match self.verb {
            Verb::Validate(validate) => validate.run(global, output),
            Verb::Show(show) => show.run(global, output),
            Verb::Explain(explain) => explain.run(global, output),
            Verb::Schema(schema) => schema.run(output),
        }
    }
}
