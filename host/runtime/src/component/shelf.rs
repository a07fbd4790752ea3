//! What is loaded. Whoever brings the same bytes shares it; and what nobody runs stays for a while, so that going
//! back to it is no loading.
//!
//! Nobody takes from the shelf but by its name, and it holds what is on it: so what leaves memory leaves it here, and
//! not on the thread of the call that used it last.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use openclaw_tenancy::TenantId;

use crate::digest::Digest;

/// What nobody runs, of one tenant (whichever had it last; the operator counts as one) and of all. Looked at whenever
/// something is loaded or changed.
const OF_ONE: Room = Room { count: 8, bytes: 64 << 20 };
const OF_ALL: Room = Room { count: 64, bytes: 256 << 20 };

/// What is loaded, by the digests of its bytes.
pub(super) struct Shelf<T>(Mutex<Held<T>>);

struct Held<T> {
    /// Grows with each use.
    now: u64,
    things: HashMap<Digest, Thing<T>>,
}

struct Thing<T> {
    it: Arc<T>,
    bytes: usize,
    whose: Option<TenantId>,
    used: u64,
}

impl<T> Held<T> {
    fn find(&mut self, digest: &Digest, whose: Option<&TenantId>) -> Option<Arc<T>> {
        self.now += 1;
        let thing = self.things.get_mut(digest)?;
        thing.used = self.now;
        if thing.whose.as_ref() != whose {
            thing.whose = whose.cloned();
        }
        Some(thing.it.clone())
    }
}

impl<T> Thing<T> {
    /// Nobody has it but the shelf, whose lock whoever looks has.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.it) == 1
    }
}

#[derive(Clone, Copy)]
struct Room {
    count: usize,
    bytes: usize,
}

impl Room {
    fn has(self, bytes: usize) -> bool {
        self.count > 0 && self.bytes >= bytes
    }

    fn take(&mut self, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
    }
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::new(Held { now: 0, things: HashMap::new() }))
    }
}

impl<T> Shelf<T> {
    /// What is there under this name, for somebody who will run it.
    pub(super) fn find(&self, digest: &Digest, whose: Option<&TenantId>) -> Option<Arc<T>> {
        self.held().find(digest, whose)
    }

    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.held().things.contains_key(digest)
    }

    /// Puts something there, and answers what is there now: somebody else may have been first.
    pub(super) fn put(&self, digest: Digest, it: Arc<T>, bytes: usize, whose: Option<&TenantId>) -> Arc<T> {
        let mut held = self.held();
        if let Some(earlier) = held.find(&digest, whose) {
            return earlier;
        }
        held.now += 1;
        let used = held.now;
        held.things.insert(digest, Thing { it: it.clone(), bytes, whose: whose.cloned(), used });
        it
    }

    /// Takes away what nobody runs and there is no room for, what was used last staying.
    pub(super) fn tidy(&self) -> Vec<Arc<T>> {
        let mut held = self.held();
        let mut idle: Vec<(u64, Digest)> = held
            .things
            .iter()
            .filter(|(_, thing)| thing.is_idle())
            .map(|(digest, thing)| (thing.used, *digest))
            .collect();
        idle.sort_unstable_by(|a, b| b.cmp(a));
        let (mut all, mut each): (Room, HashMap<Option<TenantId>, Room>) = (OF_ALL, HashMap::new());
        let mut gone = Vec::new();
        for (_, digest) in idle {
            let Some(thing) = held.things.get(&digest) else { continue };
            let own = each.entry(thing.whose.clone()).or_insert(OF_ONE);
            if own.has(thing.bytes) && all.has(thing.bytes) {
                own.take(thing.bytes);
                all.take(thing.bytes);
            } else {
                gone.extend(held.things.remove(&digest).map(|thing| thing.it));
            }
        }
        gone
    }

    /// Takes one away that nobody runs.
    pub(super) fn remove(&self, digest: &Digest) -> Result<Option<Arc<T>>, InUse> {
        let mut held = self.held();
        match held.things.get(digest) {
            Some(thing) if !thing.is_idle() => Err(InUse),
            _ => Ok(held.things.remove(digest).map(|thing| thing.it)),
        }
    }

    /// What somebody runs.
    pub(super) fn in_use(&self) -> Vec<Digest> {
        let held = self.held();
        held.things.iter().filter(|(_, thing)| !thing.is_idle()).map(|(digest, _)| *digest).collect()
    }

    fn held(&self) -> MutexGuard<'_, Held<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody runs it.
pub(super) struct InUse;

#[cfg(test)]
mod tests;
