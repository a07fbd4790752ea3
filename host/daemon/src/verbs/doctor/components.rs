//! Whether the components load.

use openclaw_config::GatewayConfig;
use openclaw_tenancy::Home;
use serde_json::json;

use super::finding::Finding;
use crate::builtin;
use crate::cli::Global;
use crate::client::{self, Caller, Client};
use crate::error::CliError;
use crate::settings::Settings;

const CHECK: &str = "components";

/// Those that the running daemon serves.
pub(super) async fn in_daemon(global: &Global) -> Finding {
    let local = Global { url: None, ..global.clone() };
    match Client::new(&local, Caller::Operator).request("rpc.discover", json!({}), None).await {
        Ok(document) => {
            let methods = document["methods"].as_array().map(Vec::len).unwrap_or_default();
            Finding::ok(CHECK, format!("loaded in the daemon, {methods} methods"))
        }
        Err(error) => Finding::fail(CHECK, error.message, "the daemon does not answer as it should: restart it"),
    }
}

/// A gateway on a throw-away directory, so that the real one is left alone.
pub(super) async fn trial(config: &GatewayConfig) -> Finding {
    match try_open(config).await {
        Ok(()) => {
            let families: Vec<&str> = builtin::COMPONENTS.iter().map(|(family, _)| *family).collect();
            Finding::ok(CHECK, format!("{} load, and what components.load names", families.join(", ")))
        }
        Err(error) => Finding::fail(CHECK, error.message, "without all of them the gateway does not start"),
    }
}

async fn try_open(config: &GatewayConfig) -> Result<(), CliError> {
    let directory = tempfile::tempdir()?;
    let home = Home::open(directory.path())?;
    let lock = home.lock()?;
    let mut settings = Settings::load_file(&directory.path().join("config.yaml"), &[], false)?;
    settings.loaded.config.components = config.components.clone();
    let gateway = client::open(home, lock, settings).await?;
    gateway.close().await;
    Ok(())
}
