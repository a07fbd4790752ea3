//! Whether what is written down is there, sound, and belongs together.

use std::path::Path;

use jiff::tz::TimeZone;
use openclaw_billing::UsageLedger;
use openclaw_config::{GatewayConfig, Secret};
use openclaw_control::{ControlDb, Durability};
use openclaw_tenancy::{Audit, Home, HomeError, LostEntries, Registry, TenantId};

use super::finding::Finding;
use super::report::Report;
use super::tenants;
use crate::error::CliError;

/// The control database, the operator's token, the key, the audit log and every tenant's own files, where they exist.
pub(super) fn check(path: &Path, config: &GatewayConfig, report: &mut Report<'_>) -> Result<(), CliError> {
    let home = match Home::existing(path) {
        Ok(Some(home)) => home,
        Ok(None) => return Ok(()),
        Err(error) => return report.add(refused("home", error)),
    };
    let ids = match home.tenant_ids() {
        Ok(ids) => ids,
        Err(error) => return report.add(refused("tenants", error)),
    };
    report.add(control(&home))?;
    report.add(token(&home, config))?;
    report.add(key(&home, config))?;
    report.add(ledger(&home, config))?;
    report.add(audit(&home.audit_path(), !ids.is_empty()))?;
    tenants::check(&home, &ids, config, report)
}

#[allow(clippy::disallowed_methods, reason = "the gateway's own files")]
fn control(home: &Home) -> Finding {
    const CHECK: &str = "control.db";
    const RESTORE: &str = "stop the gateway and put a backup of control.db in its place (with no control.db-wal beside it); \
                           the tenants' directories are untouched";
    if let Err(error) = home.refuse_lost_registry() {
        return refused(CHECK, error);
    }
    let path = home.control_db_path();
    if !path.exists() {
        return Finding::ok(CHECK, "does not exist yet");
    }
    // The writer's connection comes with it, and writes nothing.
    let db = match ControlDb::open(&path, Durability::Process) {
        Ok(db) => db,
        Err(error) => return Finding::fail(CHECK, error.to_string(), RESTORE),
    };
    match db.integrity_check() {
        Ok(findings) if findings.is_empty() => registry(home, &db),
        Ok(findings) => Finding::fail(CHECK, findings.join("; "), RESTORE),
        Err(error) => Finding::fail(CHECK, error.to_string(), RESTORE),
    }
}

/// A database that is sound in itself may still be another home's.
fn registry(home: &Home, db: &ControlDb) -> Finding {
    const CHECK: &str = "control.db";
    match Registry::check(home, db) {
        Ok(missing) if missing.is_empty() => Finding::ok(CHECK, "sound"),
        Ok(missing) => {
            let names: Vec<&str> = missing.iter().map(TenantId::as_str).collect();
            Finding::fail(
                CHECK,
                format!("tenants without a directory: {}", names.join(", ")),
                "restore tenants/ID from a backup, or `openclaw tenants delete ID --confirm`",
            )
        }
        Err(error) => Finding::fail(CHECK, error.to_string(), "the gateway does not start with it"),
    }
}

/// Whether the rows of calls, their sums and the counters of quotas say the same.
#[allow(clippy::disallowed_methods, reason = "the gateway's own file")]
fn ledger(home: &Home, config: &GatewayConfig) -> Finding {
    const CHECK: &str = "ledger";
    const KEEP: &str = "keep control.db as it is and tell who maintains this gateway: no report is to be trusted";
    let path = home.control_db_path();
    let Ok(zone) = TimeZone::get(&config.billing.timezone) else {
        return Finding::warn(CHECK, "not looked at", "mend billing.timezone first");
    };
    if !path.exists() {
        return Finding::ok(CHECK, "nothing was metered yet");
    }
    let Ok(db) = ControlDb::open(&path, Durability::Process) else {
        return Finding::warn(CHECK, "not looked at", "mend control.db first");
    };
    match UsageLedger::inspect(&db, &zone) {
        Ok(found) if found.is_empty() => Finding::ok(CHECK, "rows, sums and counters agree"),
        Ok(found) => Finding::fail(CHECK, found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), KEEP),
        Err(error) => Finding::fail(CHECK, error.to_string(), KEEP),
    }
}

fn token(home: &Home, config: &GatewayConfig) -> Finding {
    const CHECK: &str = "token";
    let configured = config.gateway.control_plane_token.as_ref().map(Secret::expose);
    match home.has_operator_token(configured) {
        Ok(_) if configured.is_some() => Finding::ok(CHECK, "the operator's is gateway.control_plane_token"),
        Ok(true) => Finding::ok(CHECK, "the operator's is in control-plane.token"),
        Ok(false) => Finding::ok(CHECK, "control-plane.token does not exist yet"),
        Err(error) => refused(CHECK, error),
    }
}

fn key(home: &Home, config: &GatewayConfig) -> Finding {
    match home.has_secret_key(config.secrets.key_file.as_deref().map(Path::new)) {
        Ok(true) => Finding::ok("secret.key", "there"),
        Ok(false) => Finding::ok("secret.key", "does not exist yet"),
        Err(error) => refused("secret.key", error),
    }
}

fn audit(path: &Path, has_tenants: bool) -> Finding {
    const KEEP: &str = "somebody changed the log, or its disk did: keep the file as evidence";
    match Audit::verify(path) {
        Ok(summary) if summary.entries == 0 && has_tenants => Finding::fail(
            "audit",
            "audit.jsonl holds nothing, and there are tenants: it was removed or emptied",
            "put it back from a backup, or look for who did it; the next entry begins a new one and says so",
        ),
        Ok(summary) if summary.entries == 0 => Finding::ok("audit", "no entries yet"),
        Ok(summary) => match summary.lost {
            None => Finding::ok("audit", format!("{} entries, chain unbroken", summary.entries)),
            Some(lost) => Finding::warn(
                "audit",
                format!("{} entries, chain unbroken, but {} were lost", summary.entries, before(lost)),
                "its first entry says when and how; what had the log's name then is kept beside it",
            ),
        },
        Err(fault) => Finding::fail("audit", fault.to_string(), KEEP),
    }
}

fn before(lost: LostEntries) -> String {
    match lost {
        LostEntries::Number(entries) => format!("the {entries} before them"),
        LostEntries::Unknown => "those before them".to_owned(),
    }
}

/// In the words in which the gateway refuses to start.
fn refused(check: &'static str, error: HomeError) -> Finding {
    let error = CliError::from(error);
    Finding::fail(check, error.message, error.hint.unwrap_or_default())
}
