//! `openclaw config validate [FILE]`

use std::path::PathBuf;

use clap::Args;
use openclaw_config::Warning;
use serde_json::{Value, json};

use crate::cli::Global;
use crate::error::CliError;
use crate::output::Output;
use crate::settings::{Settings, config_file, existing_home};

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw config validate
  openclaw config validate --json";

/// Check the configuration, or a file that is to become it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Validate {
    /// The file [default: config.yaml of the state directory].
    file: Option<PathBuf>,
}

impl Validate {
    #[allow(clippy::disallowed_methods, reason = "the operator's configuration file")]
    pub(super) fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let required = self.file.is_some();
        let file = match self.file {
            Some(file) => file,
            None => config_file(&existing_home(global)?),
        };
        let settings = Settings::load_file(&file, &[], required)?;
        settings.check_files()?;
        let warnings = settings.warnings();
        if output.json {
            let warnings: Vec<Value> = warnings
                .iter()
                .map(|Warning { source_of, key, message }| {
                    json!({ "source": source_of.to_string(), "key": key.to_string(), "message": message })
                })
                .collect();
            let exists = file.exists();
            return output.document(&json!({ "valid": true, "file": file, "exists": exists, "warnings": warnings }));
        }
        warnings.iter().for_each(|warning| output.warning(&warning.to_string()));
        if output.quiet {
            return Ok(());
        }
        if file.exists() {
            output.line(&format!("{} is valid", file.display()))
        } else {
            output.line(&format!("{} does not exist: every key has its default", file.display()))
        }
    }
}
