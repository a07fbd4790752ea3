//! The order in which versions were bound, over all scopes and families.

use std::{
    collections::HashSet,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Numbers for versions, and those of versions that were rolled back.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    last: AtomicU64,
    withdrawn: RwLock<HashSet<u64>>,
}

impl Sequence {
    /// Goes on after what was handed out before.
    pub(super) fn resume(&self, last: u64, withdrawn: HashSet<u64>) {
        let last = withdrawn.iter().copied().chain([last]).max().unwrap_or_default();
        self.last.store(last, Relaxed);
        *self.withdrawn.write().unwrap_or_else(PoisonError::into_inner) = withdrawn;
    }

    /// The number of a version that is bound now.
    pub(super) fn next(&self) -> u64 {
        self.last.fetch_add(1, Relaxed) + 1
    }

    pub(super) fn withdraw(&self, sequences: &[u64]) {
        self.withdrawn.write().unwrap_or_else(PoisonError::into_inner).extend(sequences);
    }

    /// Whether the version that was bound under this number was rolled back.
    pub(super) fn is_withdrawn(&self, sequence: u64) -> bool {
        self.withdrawn.read().unwrap_or_else(PoisonError::into_inner).contains(&sequence)
    }
}
