//! `openclaw config show`

use clap::Args;
use openclaw_config::{GatewayConfig, effective, text};
use serde_json::{Map, Value};

use crate::cli::Global;
use crate::error::CliError;
use crate::output::Output;
use crate::settings::{Settings, existing_home};

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw config show
  openclaw config show --effective --json";

/// Show the configuration with its secrets left out.
///
/// Without --effective: what differs from the defaults.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Show {
    /// Show every key, those with their default too.
    #[arg(long)]
    effective: bool,
}

impl Show {
    pub(super) fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let settings = Settings::load(&existing_home(global)?, &[])?;
        let mut shown = settings.loaded.effective();
        if !self.effective {
            let defaults = effective(&GatewayConfig::default());
            shown = difference(shown, &defaults).unwrap_or_else(|| Value::Object(Map::new()));
        }
        if shown.as_object().is_some_and(Map::is_empty) {
            output.note("every key has its default: --effective shows them");
        }
        if output.json { output.document(&shown) } else { output.raw(&text::write(&shown, text::Format::Yaml)) }
    }
}

/// The part of `value` that is not in `defaults`.
fn difference(value: Value, defaults: &Value) -> Option<Value> {
    match (value, defaults) {
        (value, defaults) if value == *defaults => None,
        (Value::Object(members), Value::Object(defaults)) => {
            let differs = |(key, member): (String, Value)| {
                let default = defaults.get(&key).unwrap_or(&Value::Null);
                difference(member, default).map(|member| (key, member))
            };
            Some(Value::Object(members.into_iter().filter_map(differs).collect()))
        }
        (value, _) => Some(value),
    }
}

#[cfg(test)]
mod tests;
