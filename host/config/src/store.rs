//! One `config.yaml` on disk: a tenant's overlay, or the gateway's own.
//!
//! Invariants: a damaged file is an error that names it, never an empty configuration; what is
//! written was valid; two writers of one file never interleave; the previous five versions are
//! kept. All methods block on the file system.

mod cache;
mod reading;
mod seal;
mod snapshot;
mod write;

use std::sync::{Arc, PoisonError, RwLock};

use openclaw_tenancy::{Directory, DirectoryError, TenantId, TenantKey};
use serde_json::Value;

use crate::gateway::GatewayConfig;
use crate::load::ConfigErrors;
use crate::overlay::{self, Credentials, Offence};
use crate::text::{self, TextError};
use cache::{Cache, Cached};
use reading::Reading;

pub use snapshot::{Issue, Snapshot};
pub use write::KEPT_VERSIONS;

/// The name of the file, in the home and in a tenant's directory.
pub const FILE: &str = "config.yaml";

/// Whose `config.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Gateway,
    Tenant(TenantId),
}

/// Where a `config.yaml` lies.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub subject: &'a Subject,
    /// The directory that holds the file.
    pub directory: &'a Directory,
    /// Seals the tenant's secrets on disk; without one they are stored as they are.
    pub key: Option<&'a TenantKey>,
}

/// What lies over the gateway's file when it is loaded, so that a file is judged as it will be used.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub env: Vec<(String, String)>,
    pub flags: Vec<(String, String)>,
}

/// A `config.yaml` that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Damaged {
    /// The first issue, with the place in the file.
    pub message: String,
    pub issues: Vec<Issue>,
}

/// A write that was refused; the file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("the text cannot be read: {0}")]
    Text(#[from] TextError),
    #[error("a merge patch must be a mapping")]
    NotAPatch,
    #[error("{}", overlay::describe(.0))]
    Refused(Vec<Offence>),
    /// The gateway's own configuration would not be valid.
    #[error("{0}")]
    Invalid(#[from] ConfigErrors),
    /// The file is not the one that the caller read.
    #[error("{FILE} has changed since it was read; its hash is now {current}")]
    Conflict { current: String },
    /// A patch needs a readable file; replacing it repairs it.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    #[error("a secret could not be sealed")]
    Seal,
    #[error("{FILE} could not be written: {0}")]
    Io(#[from] DirectoryError),
}

/// The gateway's configuration as the tenants' overlays see it.
struct Base {
    visible: Arc<Value>,
    /// Counts the reloads: what was merged with another base is stale.
    generation: u64,
}

/// Reads and writes `config.yaml` files; keeps what it read.
pub struct ConfigStore {
    base: RwLock<Arc<Base>>,
    overrides: Overrides,
    cache: Cache,
}

impl ConfigStore {
    /// A store over the gateway's effective configuration.
    pub fn new(base: GatewayConfig, overrides: Overrides) -> Self {
        Self { base: RwLock::new(Arc::new(Base::new(&base, 0))), overrides, cache: Cache::default() }
    }

    /// Puts a new gateway configuration in force: overlays are merged anew from now on.
    pub fn set_base(&self, config: GatewayConfig) {
        let mut base = self.base.write().unwrap_or_else(PoisonError::into_inner);
        *base = Arc::new(Base::new(&config, base.generation + 1));
    }

    fn base(&self) -> Arc<Base> {
        Arc::clone(&self.base.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the file says, as it may be shown: all secrets redacted.
    pub fn snapshot(&self, place: Place<'_>) -> Arc<Snapshot> {
        Arc::clone(&self.reading(place).snapshot)
    }

    /// The effective configuration, secrets included: the gateway's visible part with the tenant's
    /// overlay; for the gateway, its whole configuration with the typed secrets redacted.
    pub fn effective(&self, place: Place<'_>) -> Result<Arc<Value>, Damaged> {
        self.reading(place).effective.clone()
    }

    /// The file as it is now; one look at its metadata where it has not changed.
    fn reading(&self, place: Place<'_>) -> Arc<Reading> {
        let base = self.base();
        let slot = self.cache.slot(place.subject);
        let identity = reading::identity(place.directory);
        if let Ok(identity) = identity
            && let Some(reading) = slot.get(identity, base.generation)
        {
            return reading;
        }
        let (identity, reading) = reading::read(place, &base, &self.overrides);
        let reading = Arc::new(reading);
        let damaged = reading.effective.as_ref().err();
        if slot.is_news(damaged) {
            tell(place.subject, damaged);
        }
        if let Some(identity) = identity {
            let cached = Cached { identity, generation: base.generation, reading: Arc::clone(&reading) };
            slot.put(cached);
        }
        reading
    }

    /// Forgets a tenant that was deleted.
    pub fn forget(&self, subject: &Subject) {
        self.cache.forget(subject);
    }
}

/// A line in the log for the operator: the calls that fail tell only their callers.
fn tell(subject: &Subject, damaged: Option<&Damaged>) {
    let reason = damaged.map(|damaged| damaged.message.as_str());
    match subject {
        Subject::Tenant(tenant) => tracing::error!(
            %tenant,
            file = FILE,
            reason,
            "a tenant's configuration is damaged: its calls fail until the file is mended, or config.set replaces it"
        ),
        Subject::Gateway => tracing::error!(
            file = FILE,
            reason,
            "the gateway's configuration is damaged: what was read before stays in force"
        ),
    }
}

impl Base {
    fn new(config: &GatewayConfig, generation: u64) -> Self {
        Self { visible: Arc::new(overlay::visible(config)), generation }
    }
}

impl Subject {
    fn credentials(&self) -> Credentials {
        match self {
            Self::Gateway => Credentials::Gateway,
            Self::Tenant(_) => Credentials::Overlay,
        }
    }

    /// The longest text that is read, in bytes.
    fn max_bytes(&self) -> usize {
        match self {
            Self::Gateway => text::MAX_BYTES,
            Self::Tenant(_) => overlay::MAX_TEXT_BYTES,
        }
    }
}

#[cfg(test)]
mod tests;
