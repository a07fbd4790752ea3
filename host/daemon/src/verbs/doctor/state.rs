//! Whether what is written down is sound.

use std::path::Path;

use openclaw_control::{ControlDb, Durability};
use openclaw_tenancy::Audit;

use super::finding::Finding;

/// The control database and the audit log, where they exist.
pub(super) fn check(home: &Path) -> Vec<Finding> {
    vec![control(&home.join("control.db")), audit(&home.join("audit.jsonl"))]
}

#[allow(clippy::disallowed_methods, reason = "the gateway's own files")]
fn control(path: &Path) -> Finding {
    const RESTORE: &str = "move it away and put a backup in its place; the tenants' directories are untouched";
    if !path.exists() {
        return Finding::ok("control.db", "does not exist yet");
    }
    // The writer's connection comes with it, and writes nothing.
    let findings = ControlDb::open(path, Durability::Process).and_then(|db| db.integrity_check());
    match findings {
        Ok(findings) if findings.is_empty() => Finding::ok("control.db", "sound"),
        Ok(findings) => Finding::fail("control.db", findings.join("; "), RESTORE),
        Err(error) => Finding::fail("control.db", error.to_string(), RESTORE),
    }
}

#[allow(clippy::disallowed_methods, reason = "the gateway's own files")]
fn audit(path: &Path) -> Finding {
    if !path.exists() {
        return Finding::ok("audit", "no entries yet");
    }
    match Audit::verify(path) {
        Ok(summary) => Finding::ok("audit", format!("{} entries, chain unbroken", summary.entries)),
        Err(fault) => Finding::fail(
            "audit",
            fault.to_string(),
            "somebody changed the log, or its disk did: keep the file as evidence",
        ),
    }
}
