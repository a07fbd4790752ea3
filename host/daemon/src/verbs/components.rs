//! `openclaw components …`: what the author of a component works with.

mod calls;
mod check;
mod compare;
mod file;
mod keygen;
mod keys;
mod sign;
mod test;
mod trial;
mod verify;

use clap::{Args, Subcommand};

use crate::error::CliError;
use crate::output::Output;

/// Look at components, try them, sign them.
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
}

impl Components {
    pub(crate) async fn run(self, output: &Output) -> Result<(), CliError> {
        match self.verb {
            Verb::Check(check) => check.run(output).await,
            Verb::Test(test) => test.run(output).await,
            Verb::Keygen(keygen) => keygen.run(output),
            Verb::Sign(sign) => sign.run(output),
            Verb::Verify(verify) => verify.run(output),
        }
    }
}
