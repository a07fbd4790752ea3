//! `openclaw sandbox info [--tenant ID]`

use clap::Args;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::CliError;
use crate::output::{Output, plain};

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw sandbox info --tenant demo
  openclaw sandbox info --tenant demo --json";

/// Show how a tenant's workloads are confined, and how well each limit is kept.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Info {
    /// The tenant.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
}

impl Info {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let mut info = client.request("sandbox.info", json!({}), self.tenant.as_deref()).await?;
        if output.json {
            return output.document(&info);
        }
        let modes = info["modes"].take();
        if let Some(members) = info.as_object_mut() {
            members.remove("modes");
        }
        output.fields(&info)?;
        for mode in modes.as_array().into_iter().flatten() {
            output.line("")?;
            show(mode, output)?;
        }
        Ok(())
    }
}

fn show(mode: &Value, output: &Output) -> Result<(), CliError> {
    let name = plain(&mode["mode"]);
    if mode["available"] != true {
        return output.line(&format!("{name}: not available here; `openclaw doctor` says why"));
    }
    output.line(&format!("{name} {}, {}", plain(&mode["version"]), plain(&mode["system"])))?;
    let kept = mode["limits"].as_object().into_iter().flatten();
    let rows: Vec<Vec<String>> = kept.map(|(limit, how)| vec![limit.clone(), plain(how)]).collect();
    output.table(&["LIMIT", "KEPT"], &rows)?;
    mode["notes"].as_array().into_iter().flatten().for_each(|note| output.note(&plain(note)));
    Ok(())
}
