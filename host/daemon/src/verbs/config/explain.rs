//! `openclaw config explain KEY`

use clap::Args;
use openclaw_config::{Explanation, load};
use serde_json::json;

use crate::cli::Global;
use crate::error::{CliError, Kind};
use crate::output::{Output, plain};
use crate::settings::{Settings, existing_home, home_path};

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
        // Asked before the first start, and when a file is to be mended: it takes neither a home nor a good file.
        let home = if global.home.is_some() { existing_home(global)? } else { home_path(global)? };
        let (loaded, invalid) = match Settings::load(&home, &[]) {
            Ok(settings) => (settings.loaded, None),
            Err(error) if error.kind == Kind::Configuration => (load(None, Vec::new(), &[])?, Some(error)),
            Err(error) => return Err(error),
        };
        if let Some(error) = &invalid {
            output.warning(&format!("the configuration is not valid, so the defaults are shown: {}", error.message));
        }
        let explanation = loaded.explain(&self.key).map_err(|error| {
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
                "key": key,
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
