//! Sandboxes that are ready before they are needed.
//!
//! One is made for one tenant and serves one workload. It is known by the directory that is bound in it and not by a name:
//! a tenant that was removed and made again gets no sandbox of before.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::maker::{Maker, Ready};
use crate::{Network, Tenant, Workload};

/// One that was not needed for so long is ended.
const IDLE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Pool {
    /// Of all tenants together.
    capacity: usize,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    /// Each place is counted from before its sandbox is made until it is taken or ended.
    taken: HashMap<Key, Place>,
    next: u64,
}

#[derive(Debug)]
struct Place {
    number: u64,
    /// None while it is being made.
    ready: Option<Box<Ready>>,
}

/// What a sandbox is made of, as far as plain workloads differ in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    directory: (u64, u64),
    user: (u32, u32),
    read_only: bool,
    tmp_bytes: u64,
}

impl Key {
    /// None where the workload wants what is made for it alone.
    pub(super) fn of(tenant: &Tenant, workload: &Workload) -> Option<Self> {
        let plain = workload.mounts.is_empty() && workload.pty.is_none() && matches!(workload.network, Network::None);
        let status = rustix::fs::fstat(tenant.workspace.as_fd()).ok().filter(|_| plain)?;
        Some(Self {
            directory: (status.st_dev, status.st_ino),
            user: tenant.user.ids().ok()?,
            read_only: tenant.read_only,
            tmp_bytes: workload.limits.tmp_bytes,
        })
    }
}

impl Pool {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, places: Mutex::default() }
    }

    pub(super) fn is_on(&self) -> bool {
        self.capacity > 0
    }

    /// One that is ready.
    pub(super) fn take(&self, key: Key) -> Option<Ready> {
        let mut places = self.places();
        places.taken.get(&key)?.ready.as_ref()?;
        let ready = *places.taken.remove(&key)?.ready?;
        if ready.has_ended() {
            tokio::spawn(ready.discard());
            return None;
        }
        Some(ready)
    }

    /// Makes one, where there is none for this key and there is room; it is ended when nobody takes it.
    pub(super) async fn fill(self: &Arc<Self>, maker: &Maker, key: Key, tenant: &Tenant, workload: &Workload) {
        let Some(number) = self.reserve(key) else { return };
        let ready = maker.make(tenant, workload).await;
        let mut places = self.places();
        match (ready, places.taken.get_mut(&key)) {
            (Ok(ready), Some(place)) if place.number == number => {
                place.ready = Some(Box::new(ready));
                drop(places);
                let pool = self.clone();
                tokio::spawn(async move { pool.end_when_idle(key, number).await });
            }
            (Err(error), _) => {
                tracing::debug!(%error, "no sandbox is kept ready");
                places.taken.retain(|_, place| place.number != number);
            }
            (Ok(ready), _) => {
                tokio::spawn(ready.discard());
            }
        }
    }

    fn reserve(&self, key: Key) -> Option<u64> {
        let mut places = self.places();
        if places.taken.len() >= self.capacity || places.taken.contains_key(&key) {
            return None;
        }
        let number = places.next;
        places.next += 1;
        places.taken.insert(key, Place { number, ready: None });
        Some(number)
    }

    async fn end_when_idle(&self, key: Key, number: u64) {
        tokio::time::sleep(IDLE).await;
        let idle = {
            let mut places = self.places();
            let same = places.taken.get(&key).is_some_and(|place| place.number == number);
            if same { places.taken.remove(&key).and_then(|place| place.ready) } else { None }
        };
        if let Some(ready) = idle {
            ready.discard().await;
        }
    }

    fn places(&self) -> std::sync::MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
