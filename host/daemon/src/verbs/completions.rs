//! `openclaw completions SHELL`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw completions bash
  openclaw completions fish";

/// Print a script that completes this command line in a shell.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// Which shell the script is for.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, output: &Output) -> Result<(), CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "openclaw", &mut script);
        output.raw(&String::from_utf8_lossy(&script))
    }
}
