//! A state directory opened in this process, as the gateway opens it.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result};
use jiff::tz::TimeZone;
use openclaw_billing::{RateLimiter, UsageLedger};
use openclaw_config::{ConfigStore, Loaded, store::Overrides};
use openclaw_control::{ControlDb, Durability};
use openclaw_documents::{Store, StoreSettings};
use openclaw_models::Models;
use openclaw_runtime::{AdmissionLimits, Sandboxes, ServicesParts};
use openclaw_tenancy::{Audit, HolderKind, Home, HomeLock, Registry};

/// With default settings. The lock is held as long as the state is used.
pub(crate) fn open(path: &Path) -> Result<(ServicesParts, ControlDb, HomeLock)> {
    let home = Home::open(path)?;
    let lock = home.lock(HolderKind::Command)?;
    let loaded: Loaded = openclaw_config::load::load(None, [], &[]).context("the default configuration")?;
    let zone = TimeZone::UTC;
    let durability = Durability::Process;
    let control = ControlDb::open(&home.control_db_path(), durability)?;
    let audit = Arc::new(Audit::open(&home, durability)?);
    let usage = Arc::new(UsageLedger::open(control.clone(), zone.clone())?);
    let parts = ServicesParts {
        registry: Arc::new(Registry::open(&home, control.clone(), audit.clone())?),
        documents: Store::new(StoreSettings::with_durability(durability)),
        admission: AdmissionLimits::from(&loaded.config.gateway.limits),
        free_disk_mb: loaded.config.gateway.limits.free_disk_mb,
        sandboxes: Sandboxes::new(&home, loaded.config.sandbox.clone()),
        models: Arc::new(Models::new(usage.clone(), &loaded.config.models)?),
        usage,
        config: Arc::new(ConfigStore::new(loaded.config, Overrides::default())),
        rates: Arc::new(RateLimiter::new(&zone)),
        secret_key: home.secret_key(None)?,
        audit,
        costs: None,
        home: Arc::new(home),
    };
    Ok((parts, control, lock))
}
