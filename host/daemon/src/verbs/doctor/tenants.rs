//! Whether every tenant's own files can be used: its overlay, its families' databases, and their vector indexes.
//!
//! Databases are looked at one after another, without a lock and without a trace.

use openclaw_config::store::{ConfigStore, FILE, Overrides, Place, Subject};
use openclaw_config::{Damaged, GatewayConfig};
use openclaw_documents::Error;
use openclaw_tenancy::{DatabasePlace, Home, TenantDir, TenantId, TenantPath};

use super::finding::Finding;
use super::report::Report;
use crate::error::CliError;

const CHECK: &str = "tenants";

const RESTORE: &str =
    "calls that need it fail: stop the gateway and restore the file from a backup (without -wal beside it)";

/// One finding for each file that cannot be used; one for all, where there is none.
pub(super) fn check(
    home: &Home,
    ids: &[TenantId],
    config: &GatewayConfig,
    report: &mut Report<'_>,
) -> Result<(), CliError> {
    let store = ConfigStore::new(config.clone(), Overrides::default());
    let (mut databases, mut found) = (0, 0);
    for id in ids {
        let findings = match home.tenant_dir(id) {
            Ok(directory) => {
                let (places, mut findings) = check_databases(id, &directory);
                databases += places;
                findings.extend(overlay(&store, id, &directory));
                findings
            }
            Err(error) => vec![Finding::fail(CHECK, error.to_string(), "the gateway must own its state directory")],
        };
        found += findings.len();
        report.add_all(findings)?;
    }
    if found == 0 {
        report.add(Finding::ok(CHECK, format!("{}: overlays and {databases} databases are sound", ids.len())))?;
    }
    Ok(())
}

/// How many databases a tenant has, its indexes among them, and what is wrong with them.
fn check_databases(id: &TenantId, directory: &TenantDir) -> (usize, Vec<Finding>) {
    match directory.databases().and_then(|databases| Ok((databases, directory.indexes()?))) {
        Ok((databases, indexes)) => {
            let again = format!(
                "calls that search it fail until its component makes it anew, as `openclaw call memory.index \
                 agentId=<agent> force=true --tenant {id}` does of an agent's memory"
            );
            let of_databases = databases
                .iter()
                .filter_map(|place| database(id, place, openclaw_documents::quick_check(place), RESTORE));
            let of_indexes =
                indexes.iter().filter_map(|place| database(id, place, openclaw_vectors::quick_check(place), &again));
            (databases.len() + indexes.len(), of_databases.chain(of_indexes).collect())
        }
        Err(error) => {
            let message = format!("tenants/{id}: {error}");
            (0, vec![Finding::fail(CHECK, message, "the gateway must own its state directory")])
        }
    }
}

/// Its secrets stay sealed: whether they can be opened shows when they are used.
fn overlay(store: &ConfigStore, id: &TenantId, directory: &TenantDir) -> Option<Finding> {
    let subject = Subject::Tenant(id.clone());
    let place = Place { subject: &subject, directory: directory.root(), key: None };
    let Damaged { message, .. } = store.effective(place).err()?;
    let instead = match newest_backup(directory) {
        Some(name) => format!("or put {name}, which is beside it, in its place"),
        None => format!("or `openclaw call config.set raw='' --tenant {id}` begins with an empty one"),
    };
    let advice = format!("the tenant's calls fail: mend the file, {instead}");
    Some(Finding::fail(CHECK, format!("tenants/{id}/{message}"), advice))
}

/// The last of the earlier versions that are kept; the lowest number is the newest.
fn newest_backup(directory: &TenantDir) -> Option<String> {
    let entries = directory.root().list(&TenantPath::root(), None, usize::MAX).ok()?;
    let number = |name: &str| name.strip_prefix(FILE)?.strip_prefix(".bak.")?.parse::<u32>().ok();
    let backups = entries.into_iter().filter_map(|entry| Some((number(&entry.name)?, entry.name)));
    backups.min().map(|(_, name)| name)
}

fn database(
    id: &TenantId,
    place: &DatabasePlace,
    checked: Result<Option<String>, Error>,
    advice: &str,
) -> Option<Finding> {
    let path = format!("tenants/{id}/{}", place.shown);
    Some(match checked.transpose()? {
        Ok(damage) => Finding::fail(CHECK, format!("{path} is damaged: {damage}"), advice),
        Err(Error::Busy) => {
            Finding::warn(CHECK, format!("{path} is written all the time and was not checked"), "try again later")
        }
        Err(error) => Finding::fail(CHECK, format!("{path}: {error}"), "the gateway must own its state directory"),
    })
}
