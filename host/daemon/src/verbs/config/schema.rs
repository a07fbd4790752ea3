//! `openclaw config schema`

use clap::Args;
use openclaw_config::schema;

use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw config schema
  openclaw config schema --json";

/// Print the JSON Schema of config.yaml, for editors.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Schema {}

impl Schema {
    pub(super) fn run(self, output: &Output) -> Result<(), CliError> {
        output.document(&schema::full().schema)
    }
}
