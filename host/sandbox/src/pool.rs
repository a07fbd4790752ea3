//! Sandboxes that are ready before they are needed, of either mode.
//!
//! One is made for one tenant and serves one workload. It is known by the directory that is bound in it and not by a
//! name: a tenant that was removed and made again gets no sandbox of before.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::sync::RwLock;

use crate::{Error, Limits, Network, Tenant, Workload};

/// One that was not needed for so long is ended.
const IDLE: Duration = Duration::from_secs(60);

/// A sandbox that waits for its command.
pub(crate) trait Waiting: Send + 'static {
    /// It has ended, or was ended, before it was needed.
    fn has_ended(&self) -> bool;
    /// It is not needed: ends it and cleans up.
    fn discard(self) -> impl Future<Output = ()> + Send;
}

/// Makes the sandboxes of a mode.
pub(crate) trait Make: Send + Sync + 'static {
    type Ready: Waiting;
    /// Those of the limits that a sandbox cannot be given later, and the defaults for all others.
    fn made_of(limits: &Limits) -> Limits;
    /// Up to the point where only the command is missing.
    fn make(&self, tenant: &Tenant, workload: &Workload) -> impl Future<Output = Result<Self::Ready, Error>> + Send;
}

pub(crate) struct Pool<R> {
    /// Of all tenants together.
    capacity: usize,
    places: Mutex<Places<R>>,
    /// Held for reading by whoever makes one.
    making: RwLock<()>,
}

struct Places<R> {
    /// Each place is counted from before its sandbox is made until it is taken or ended. A directory has one: whoever
    /// runs workloads of many kinds takes no places of others.
    taken: HashMap<Key, Place<R>>,
    next: u64,
    closed: bool,
}

struct Place<R> {
    number: u64,
    /// None while it is being made.
    ready: Option<Box<R>>,
}

/// What a sandbox is made of, as far as plain workloads differ in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    directory: (u64, u64),
    user: (u32, u32),
    read_only: bool,
    made_of: Limits,
}

impl Key {
    /// None where the workload wants what is made for it alone.
    fn of(tenant: &Tenant, workload: &Workload, made_of: Limits) -> Option<Self> {
        let plain = workload.mounts.is_empty() && workload.pty.is_none() && matches!(workload.network, Network::None);
        let status = rustix::fs::fstat(tenant.workspace.as_fd()).ok().filter(|_| plain)?;
        Some(Self {
            directory: (status.st_dev, status.st_ino),
            user: tenant.user.ids().ok()?,
            read_only: tenant.read_only,
            made_of,
        })
    }
}

impl<R> fmt::Debug for Pool<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl<R: Waiting> Pool<R> {
    pub(crate) fn new(capacity: usize) -> Self {
        let places = Places { taken: HashMap::new(), next: 0, closed: false };
        Self { capacity, places: Mutex::new(places), making: RwLock::default() }
    }

    /// Makes a sandbox ready for the next plain workload of this tenant. Where that fails, the workload will say why.
    pub(crate) async fn warm<M: Make<Ready = R>>(self: &Arc<Self>, maker: &M, tenant: &Tenant) {
        let workload = Workload::default();
        if let Some(key) = Key::of(tenant, &workload, M::made_of(&workload.limits)) {
            self.fill(key, maker.make(tenant, &workload)).await;
            // It may be that the end of another workload has one made.
            self.settled().await;
        }
    }

    /// A sandbox for this workload, and what is to be done when it has ended.
    pub(crate) async fn take_or_make<M: Make<Ready = R>>(
        self: &Arc<Self>,
        maker: &Arc<M>,
        tenant: &Tenant,
        workload: &Workload,
    ) -> Result<(R, BoxFuture<'static, ()>), Error> {
        let key = Key::of(tenant, workload, M::made_of(&workload.limits)).filter(|_| self.capacity > 0);
        let ready = match key.as_ref().and_then(|key| self.take(key)) {
            Some(ready) => ready,
            None => make_whole(maker.clone(), tenant.clone(), workload.clone()).await?,
        };
        // For the next: a tenant that runs one workload runs more.
        let (pool, maker, tenant) = (self.clone(), maker.clone(), tenant.clone());
        let like_it = Workload { limits: workload.limits.clone(), ..Workload::default() };
        let afterwards = async move {
            if let Some(key) = key {
                pool.fill(key, maker.make(&tenant, &like_it)).await;
            }
        };
        Ok((ready, Box::pin(afterwards)))
    }

    /// One that is ready.
    fn take(&self, key: &Key) -> Option<R> {
        let mut places = self.places();
        places.taken.get(key)?.ready.as_ref()?;
        let ready = *places.taken.remove(key)?.ready?;
        if ready.has_ended() {
            tokio::spawn(ready.discard());
            return None;
        }
        Some(ready)
    }

    /// Makes one, where there is none for this key and there is room; it is ended when nobody takes it.
    /// One of another key for the same directory makes room for it.
    async fn fill(self: &Arc<Self>, key: Key, make: impl Future<Output = Result<R, Error>>) {
        let _making = self.making.read().await;
        let Some((number, replaced)) = self.reserve(&key) else { return };
        if let Some(ready) = replaced {
            ready.discard().await;
        }
        let ready = make.await;
        let unwanted = {
            let mut places = self.places();
            match (ready, places.taken.get_mut(&key)) {
                (Ok(ready), Some(place)) if place.number == number => {
                    place.ready = Some(Box::new(ready));
                    let pool = self.clone();
                    tokio::spawn(async move { pool.end_when_idle(key, number).await });
                    None
                }
                (Err(error), _) => {
                    tracing::debug!(%error, "no sandbox is kept ready");
                    places.taken.retain(|_, place| place.number != number);
                    None
                }
                (Ok(ready), _) => Some(ready),
            }
        };
        if let Some(ready) = unwanted {
            ready.discard().await;
        }
    }

    /// Ends those that wait, and keeps no more.
    pub(crate) async fn close(&self) {
        let waiting: Vec<R> = {
            let mut places = self.places();
            places.closed = true;
            places.taken.drain().filter_map(|(_, place)| place.ready).map(|ready| *ready).collect()
        };
        join_all(waiting.into_iter().map(R::discard)).await;
        // Those have lost their places.
        self.settled().await;
    }

    /// Waits for those that are being made.
    async fn settled(&self) {
        drop(self.making.write().await);
    }

    /// A place's number, and who was in it.
    fn reserve(&self, key: &Key) -> Option<(u64, Option<R>)> {
        let mut places = self.places();
        if places.closed || places.taken.contains_key(key) {
            return None;
        }
        let replaced = places.taken.extract_if(|other, _| other.directory == key.directory).next();
        if places.taken.len() >= self.capacity {
            return None;
        }
        let number = places.next;
        places.next += 1;
        places.taken.insert(key.clone(), Place { number, ready: None });
        Some((number, replaced.and_then(|(_, place)| place.ready).map(|ready| *ready)))
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

    fn places(&self) -> MutexGuard<'_, Places<R>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// To its end, also where the caller gives up meanwhile: what was made then is dropped, and cleaned up.
async fn make_whole<M: Make>(maker: Arc<M>, tenant: Tenant, workload: Workload) -> Result<M::Ready, Error> {
    let made = tokio::spawn(async move { maker.make(&tenant, &workload).await }).await;
    made.unwrap_or_else(|error| Err(Error::Io { what: "the sandbox", source: error.into() }))
}

#[cfg(test)]
mod kinds_tests;
#[cfg(test)]
mod tests;
