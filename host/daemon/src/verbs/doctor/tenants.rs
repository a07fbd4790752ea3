//! Whether every tenant's own files can be used: its overlay, and its families' databases.
//!
//! Databases are looked at one after another, without a lock and without a trace.

use openclaw_config::store::{ConfigStore, FILE, Overrides, Place, Subject};
use openclaw_config::{Damaged, GatewayConfig};
use openclaw_documents::{Error, quick_check};
use openclaw_tenancy::{Home, TenantDir, TenantId};

use super::finding::Finding;

const CHECK: &str = "tenants";

/// One finding for each file that cannot be used; one for all, where there is none.
pub(super) fn check(home: &Home, ids: &[TenantId], config: &GatewayConfig) -> Vec<Finding> {
    let store = ConfigStore::new(config.clone(), Overrides::default());
    let mut databases = 0;
    let mut findings = Vec::new();
    for id in ids {
        let directory = match home.tenant_dir(id) {
            Ok(directory) => directory,
            Err(error) => {
                findings.push(Finding::fail(CHECK, error.to_string(), "the gateway must own its state directory"));
                continue;
            }
        };
        findings.extend(overlay(&store, id, &directory));
        match directory.databases() {
            Ok(places) => {
                databases += places.len();
                findings.extend(places.iter().filter_map(|place| {
                    let found = quick_check(place).transpose()?;
                    Some(database(&format!("tenants/{id}/{}", place.shown), found))
                }));
            }
            Err(error) => findings.push(Finding::fail(
                CHECK,
                format!("tenants/{id}: {error}"),
                "the gateway must own its state directory",
            )),
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("{}: overlays and {databases} databases are sound", ids.len())));
    }
    findings
}

/// Its secrets stay sealed: whether they can be opened shows when they are used.
fn overlay(store: &ConfigStore, id: &TenantId, directory: &TenantDir) -> Option<Finding> {
    let subject = Subject::Tenant(id.clone());
    let place = Place { subject: &subject, directory: directory.root(), key: None };
    let Damaged { message, .. } = store.effective(place).err()?;
    Some(Finding::fail(
        CHECK,
        format!("tenants/{id}/{message}"),
        format!("the tenant's calls fail: mend the file, or put an earlier {FILE}.bak.1 in its place"),
    ))
}

fn database(path: &str, found: Result<String, Error>) -> Finding {
    match found {
        Ok(damage) => Finding::fail(
            CHECK,
            format!("{path} is damaged: {damage}"),
            "calls that need it fail: stop the gateway and restore the file from a backup (without -wal beside it)",
        ),
        Err(Error::Busy) => {
            Finding::warn(CHECK, format!("{path} is written all the time and was not checked"), "try again later")
        }
        Err(error) => Finding::fail(CHECK, format!("{path}: {error}"), "the gateway must own its state directory"),
    }
}
