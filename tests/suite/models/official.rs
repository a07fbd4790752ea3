//! OpenAI's own Python client, unchanged, with a tenant's token (`tests/clients/openai_client.py`).
//!
//! Without it (`just compat` installs it) that is left out and told of (`not_tested.rs`); with `OPENCLAW_COMPAT=1` it
//! fails.

use std::{path::PathBuf, process::Command};

use super::*;
use openclaw_tests::workspace;

/// The Python that has the client.
fn python() -> PathBuf {
    workspace().join("target/clients/bin/python")
}

/// Why the client is not tested, where it is not.
pub(crate) fn missing() -> Option<&'static str> {
    (!python().is_file()).then_some("it is not installed (just compat)")
}

#[test]
fn it_works_unchanged() {
    if let Some(why) = missing() {
        let wanted = std::env::var_os("OPENCLAW_COMPAT").is_some_and(|value| value == "1");
        assert!(!wanted, "{why}");
        return;
    }
    let daemon = scripted();
    let tenant = daemon.tenant("acme");
    daemon
        .operator()
        .done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "tokens_per_day": 20000 } }));
    let run = Command::new(python())
        .arg(workspace().join("tests/clients/openai_client.py"))
        .env("BASE_URL", format!("{}/v1", daemon.url()))
        .env("TOKEN", tenant.token())
        .output()
        .expect("the client runs");
    let told = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{told}");
}
