//! `openclaw config explain KEY`

use clap::Args;
use openclaw_config::Explanation;
use serde_json::json;

use crate::cli::Global;
use crate::error::{CliError, Kind};
use crate::output::{Output, plain};
use crate::settings::{Settings, existing_home};

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw config explain gateway.listen
  openclaw config explain gateway.limits --json";

/// Say what a key means, what it is, and where that comes from.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Explain {
    /// The key, `gateway.listen` for instance.
    key: String,
}

impl Explain {
    pub(super) fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let settings = Settings::load(&existing_home(global)?, &[])?;
        let explanation = settings.loaded.explain(&self.key).map_err(|error| {
            let failure = CliError::new(Kind::NotFound, error.message);
            match error.suggestion {
                Some(name) => failure.hint(format!("did you mean {name}?")),
                None => failure.hint("`openclaw config schema` lists every key"),
            }
        })?;
        let Explanation { key, value, source, parts, description } = explanation;
        let parts: Vec<(String, String)> =
            parts.iter().map(|(path, source)| (path.to_string(), source.to_string())).collect();
        if output.json {
            let parts: Vec<_> = parts.iter().map(|(key, source)| json!({ "key": key, "source": source })).collect();
            return output.document(&json!({
                "key": key.to_string(),
                "value": value,
                "source": source.to_string(),
                "description": description,
                "parts": parts,
            }));
        }
        output.line(&format!("key:         {key}"))?;
        output.line(&format!("value:       {}", plain(&value)))?;
        output.line(&format!("source:      {source}"))?;
        if let Some(description) = description {
            output.line(&format!("description: {}", description.replace('\n', "\n             ")))?;
        }
        parts.iter().try_for_each(|(key, source)| output.line(&format!("  {key} from {source}")))
    }
}
