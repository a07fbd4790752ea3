//! State directories with tenants in them, made through the daemon itself.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{daemon::Server, wire};

/// Calls in one body; the gateway takes no more.
const BATCH: usize = 50;
const FIRST_START: Duration = Duration::from_secs(30);

/// The first tenant.
pub(crate) const TENANT: &str = "t0";

/// A state directory; gone when dropped.
pub(crate) struct BenchHome {
    directory: TempDir,
    /// Tenant `t0` first.
    pub(crate) tokens: Vec<String>,
}

impl BenchHome {
    /// Makes `tenants` tenants, the first with `sessions` sessions; the daemon has been stopped again.
    pub(crate) fn make(daemon: &Path, tenants: usize, sessions: usize) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("openclaw-bench-").tempdir()?;
        let mut home = Self { directory, tokens: Vec::with_capacity(tenants) };
        let mut server = Server::daemon(daemon, &home.path())?;
        let mut connection = server.connect()?;
        let operator = operator_token(&home.path())?;
        for first in (0..tenants).step_by(BATCH) {
            let names = (first..tenants.min(first + BATCH)).map(|n| format!(r#"{{"tenantId":"t{n}"}}"#));
            for reply in batch(&mut connection, &operator, "tenants.create", names)? {
                let token = reply["result"]["token"].as_str();
                home.tokens.push(token.with_context(|| format!("no tenant was made: {reply}"))?.to_owned());
            }
        }
        for first in (0..sessions).step_by(BATCH) {
            let named = (first..sessions.min(first + BATCH)).map(|n| format!(r#"{{"label":"bench session {n}"}}"#));
            for reply in batch(&mut connection, &home.tokens[0], "sessions.create", named)? {
                ensure!(reply.get("result").is_some(), "no session was made: {reply}");
            }
        }
        drop(connection);
        server.stop()?;
        Ok(home)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// The same state for a baseline to work on.
    pub(crate) fn copy(&self) -> Result<PathBuf> {
        let copy = self.directory.path().join("copy");
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        let copied = Command::new("cp").arg("-a").arg(self.path()).arg(&copy).status()?;
        ensure!(copied.success(), "cp failed: {copied}");
        Ok(copy)
    }
}

/// The token that the daemon makes at its first start; it may listen a little earlier.
fn operator_token(home: &Path) -> Result<String> {
    let path = home.join("control-plane.token");
    let until = Instant::now() + FIRST_START;
    while !path.exists() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    let token = fs::read_to_string(path).context("the daemon left no operator token")?;
    Ok(token.trim().to_owned())
}

fn batch(
    connection: &mut wire::Connection,
    token: &str,
    method: &str,
    params: impl Iterator<Item = String>,
) -> Result<Vec<serde_json::Value>> {
    let calls: Vec<String> = params.map(|params| wire::call(method, &params)).collect();
    let reply = connection.post(token, &format!("[{}]", calls.join(",")))?;
    Ok(serde_json::from_slice(&reply)?)
}
