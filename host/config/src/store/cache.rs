//! What was read, by subject: bounded in number and in bytes. A slot is also the lock under which
//! its file is written.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openclaw_tenancy::FileIdentity;

use super::reading::Reading;
use super::{Damaged, Subject};

/// Most subjects that are kept.
const MAX_SLOTS: usize = 4096;
/// Most bytes of file text behind what is kept; the values take a few times as much.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// One reading and what it was made of.
pub(super) struct Cached {
    /// `None` for a file that is not there.
    pub(super) identity: Option<FileIdentity>,
    pub(super) generation: u64,
    pub(super) reading: Arc<Reading>,
}

/// One subject.
#[derive(Default)]
pub(super) struct Slot {
    cached: Mutex<Option<Cached>>,
    writing: Mutex<()>,
    /// The damage that the log was told of.
    told: Mutex<Option<Damaged>>,
    last_used: AtomicU64,
    bytes: AtomicUsize,
}

impl Slot {
    pub(super) fn get(&self, identity: Option<FileIdentity>, generation: u64) -> Option<Arc<Reading>> {
        let cached = lock(&self.cached);
        let fresh = cached.as_ref().filter(|cached| cached.identity == identity && cached.generation == generation);
        fresh.map(|cached| Arc::clone(&cached.reading))
    }

    pub(super) fn put(&self, cached: Cached) {
        self.bytes.store(cached.reading.bytes, Ordering::Relaxed);
        *lock(&self.cached) = Some(cached);
    }

    /// Whether the log is to be told: not of the same damage again, as long as the file is not mended.
    pub(super) fn is_news(&self, damaged: Option<&Damaged>) -> bool {
        let mut told = lock(&self.told);
        let is_news = damaged.is_some() && told.as_ref() != damaged;
        *told = damaged.cloned();
        is_news
    }

    /// Held while the file is written.
    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        lock(&self.writing)
    }
}

/// The slots, the least recently used of which go first.
#[derive(Default)]
pub(super) struct Cache {
    slots: Mutex<HashMap<Subject, Arc<Slot>>>,
    clock: AtomicU64,
}

impl Cache {
    pub(super) fn slot(&self, subject: &Subject) -> Arc<Slot> {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        let mut slots = lock(&self.slots);
        if let Some(slot) = slots.get(subject) {
            slot.last_used.store(now, Ordering::Relaxed);
            return Arc::clone(slot);
        }
        // Looked at only when a subject is new, so that a hit costs no walk.
        let bytes: usize = slots.values().map(|slot| slot.bytes.load(Ordering::Relaxed)).sum();
        if slots.len() >= MAX_SLOTS || bytes > MAX_BYTES {
            evict_older_half(&mut slots);
        }
        let slot = Arc::new(Slot { last_used: AtomicU64::new(now), ..Slot::default() });
        slots.insert(subject.clone(), Arc::clone(&slot));
        slot
    }

    pub(super) fn forget(&self, subject: &Subject) {
        if let Some(slot) = lock(&self.slots).get(subject) {
            *lock(&slot.cached) = None;
        }
    }
}

/// A slot in use stays: it may be the lock of a write.
fn evict_older_half(slots: &mut HashMap<Subject, Arc<Slot>>) {
    let mut ages: Vec<u64> = slots.values().map(|slot| slot.last_used.load(Ordering::Relaxed)).collect();
    let middle = ages.len() / 2;
    let (_, median, _) = ages.select_nth_unstable(middle);
    let median = *median;
    slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.last_used.load(Ordering::Relaxed) > median);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
