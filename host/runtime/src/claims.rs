//! Claims: names of which one call of a tenant and family has each at a time.
//!
//! They are in memory alone. A gateway that dies leaves none, so what a family has written down as running is told
//! from what runs by whether its name is free.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use openclaw_tenancy::Family;
use tokio::{
    sync::Notify,
    time::{Instant as Deadline, timeout_at},
};

/// Whose name, and which.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) tenant: u64,
    pub(crate) family: Family,
    pub(crate) name: Arc<str>,
}

/// The call that has a name.
#[derive(Debug, Default)]
struct Holder {
    /// Ends it.
    ends: Arc<Notify>,
    /// Tells that the name is free.
    freed: Arc<Notify>,
}

/// The names that calls have, of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<HashMap<Name, Holder>>);

/// A name that a call has until this is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    claims: Arc<Claims>,
    name: Name,
}

impl Claim {
    pub(crate) fn name(&self) -> Arc<str> {
        self.name.name.clone()
    }

    /// Passes it to the call that this signal ends.
    pub(crate) fn passed_to(self, ends: &Arc<Notify>) -> Self {
        if let Some(holder) = self.claims.held().get_mut(&self.name) {
            holder.ends = ends.clone();
        }
        self
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(holder) = self.claims.held().remove(&self.name) {
            holder.freed.notify_waiters();
        }
    }
}

impl Claims {
    fn held(&self) -> MutexGuard<'_, HashMap<Name, Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a name for the call that `ends` ends; none where another call has it still after `wait`.
    pub(crate) async fn take(self: &Arc<Self>, name: &Name, ends: &Arc<Notify>, wait: Duration) -> Option<Claim> {
        let until = Deadline::now() + wait;
        loop {
            let freed = {
                let mut held = self.held();
                match held.entry(name.clone()) {
                    Entry::Vacant(free) => {
                        free.insert(Holder { ends: ends.clone(), ..Holder::default() });
                        return Some(Claim { claims: self.clone(), name: name.clone() });
                    }
                    // Listened to from here on: whoever frees it needs the same lock.
                    Entry::Occupied(taken) => taken.get().freed.clone().notified_owned(),
                }
            };
            timeout_at(until, freed).await.ok()?;
        }
    }

    pub(crate) fn end(&self, name: &Name) -> bool {
        let held = self.held();
        let holder = held.get(name);
        holder.inspect(|holder| holder.ends.notify_one()).is_some()
    }
}

#[cfg(test)]
mod tests;
