//! OpenAI's own Python client, unchanged, with a tenant's token (`tests/clients/openai_client.py`).
//!
//! Without it (`just compat` installs it) that is told of and left out; with `OPENCLAW_COMPAT=1` it fails.

use std::{io::Write, process::Command};

use super::*;
use openclaw_tests::workspace;

#[test]
fn it_works_unchanged() {
    let python = workspace().join("target/clients/bin/python");
    if !python.is_file() {
        let wanted = std::env::var_os("OPENCLAW_COMPAT").is_some_and(|value| value == "1");
        assert!(!wanted, "{} is missing: just compat", python.display());
        let _ = writeln!(std::io::stderr(), "NOT TESTED: OpenAI's client is not installed (just compat)");
        return;
    }
    let daemon = scripted();
    let tenant = daemon.tenant("acme");
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "tokens_per_day": 5000 } }));
    let run = Command::new(python)
        .arg(workspace().join("tests/clients/openai_client.py"))
        .env("BASE_URL", format!("{}/v1", daemon.url()))
        .env("TOKEN", tenant.token())
        .output()
        .expect("the client runs");
    let told = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{told}");
}
