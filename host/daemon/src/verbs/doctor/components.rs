//! Whether the components load.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use openclaw_config::GatewayConfig;
use openclaw_tenancy::{HolderKind, Home, HomeError};
use serde_json::json;

use super::finding::Finding;
use crate::builtin;
use crate::cli::Global;
use crate::client::{self, Caller, Client};
use crate::error::CliError;
use crate::output::Output;
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

/// A gateway on a throw-away directory, so that the real one is left alone: only what it has compiled is taken from it.
pub(super) async fn trial(home: &Path, config: &GatewayConfig, output: &Output) -> Finding {
    let Ok(key_file) = key_file(home, config) else {
        return Finding::warn(
            CHECK,
            "not looked at: what is compiled of them is sealed with the key",
            "mend the key first",
        );
    };
    match try_open(home, config, key_file, output).await {
        Ok(compiled) => {
            let families: Vec<&str> = builtin::COMPONENTS.iter().map(|(family, _)| *family).collect();
            let compiled = match compiled {
                0 => String::new(),
                some => format!("; {some} had to be compiled, as the next start will have to"),
            };
            Finding::ok(CHECK, format!("{} load, and what components.load names{compiled}", families.join(", ")))
        }
        Err(error) => Finding::fail(CHECK, error.message, "without all of them the gateway does not start"),
    }
}

/// Answers how many components were compiled.
async fn try_open(
    real: &Path,
    config: &GatewayConfig,
    key_file: Option<String>,
    output: &Output,
) -> Result<usize, CliError> {
    let directory = tempfile::tempdir()?;
    let home = Home::open(directory.path())?;
    let lock = home.lock(HolderKind::Command)?;
    let mut settings = Settings::load_file(&directory.path().join("config.yaml"), &[], false)?;
    settings.loaded.config.components = config.components.clone();
    settings.loaded.config.secrets.key_file = key_file;
    let cache = home.cache_path();
    link_cache(&real.join("cache"), &cache)?;
    let gateway = client::open(home, lock, settings, output).await?;
    gateway.close().await;
    count_compiled(&cache)
}

/// The installation's key, where there is one yet.
fn key_file(real: &Path, config: &GatewayConfig) -> Result<Option<String>, HomeError> {
    let configured = config.secrets.key_file.clone();
    let Some(home) = Home::existing(real)? else { return Ok(None) };
    let there = home.has_secret_key(configured.as_deref().map(Path::new))?;
    Ok(there.then(|| configured.unwrap_or_else(|| real.join("secret.key").display().to_string())))
}

/// Links to what is compiled: it is read through them, and what is compiled anew takes a link's place.
#[allow(clippy::disallowed_methods, reason = "the gateway's own files, and a directory of this check's")]
fn link_cache(real: &Path, cache: &Path) -> io::Result<()> {
    fs::create_dir(cache)?;
    // None, before the first start.
    for entry in fs::read_dir(real).into_iter().flatten().flatten() {
        symlink(entry.path(), cache.join(entry.file_name()))?;
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "a directory of this check's")]
fn count_compiled(cache: &Path) -> Result<usize, CliError> {
    let is_file = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    Ok(fs::read_dir(cache)?.flatten().filter(is_file).count())
}
