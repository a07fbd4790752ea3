//! What is known of one tenant.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use crate::{Quotas, TenantId, TokenHash, TokenKind};

/// One tenant as it was at one moment. A change makes a new record.
#[derive(Debug, Clone)]
pub struct TenantRecord {
    pub id: TenantId,
    /// Never given to another tenant, not even after deletion.
    pub row: u64,
    pub display_name: Option<String>,
    pub created_at: Timestamp,
    pub disabled: bool,
    pub quotas: Arc<Quotas>,
    pub token_kind: TokenKind,
    /// Grows with each rotation: a connection of an older one is void.
    pub generation: u64,
    pub(super) hash: TokenHash,
    pub(super) last_seen: Arc<LastSeen>,
}

impl TenantRecord {
    /// Its directory as it is shown: relative to the state directory, whose place is the operator's business.
    #[must_use]
    pub fn state_dir(&self) -> String {
        crate::home::tenant_path(&self.id).to_string()
    }

    /// When a token of this tenant was last accepted.
    #[must_use]
    pub fn last_seen_at(&self) -> Option<Timestamp> {
        self.last_seen.get()
    }
}

/// Milliseconds since 1970; 0 for never. Shared by all records of a tenant.
#[derive(Debug, Default)]
pub(super) struct LastSeen {
    seen: AtomicI64,
    durable: AtomicI64,
}

impl LastSeen {
    pub(super) fn stored(at: Option<i64>) -> Self {
        let at = at.unwrap_or_default();
        Self { seen: AtomicI64::new(at), durable: AtomicI64::new(at) }
    }

    pub(super) fn touch(&self, now: Timestamp) {
        self.seen.store(now.as_millisecond(), Ordering::Relaxed);
    }

    fn get(&self) -> Option<Timestamp> {
        match self.seen.load(Ordering::Relaxed) {
            0 => None,
            at => Timestamp::from_millisecond(at).ok(),
        }
    }

    /// The moment to write down, where it is not yet.
    pub(super) fn unflushed(&self) -> Option<i64> {
        let seen = self.seen.load(Ordering::Relaxed);
        (seen != self.durable.load(Ordering::Relaxed)).then_some(seen)
    }

    pub(super) fn flushed(&self, at: i64) {
        self.durable.store(at, Ordering::Relaxed);
    }
}
