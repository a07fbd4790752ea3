//! Looking names up and connecting: a bounded number at once, and fewer for each tenant.
//!
//! The system's lookup cannot be stopped. Whoever gives up waiting for one has not got rid of its thread: its places
//! are taken until it answers.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::{
    net::TcpStream,
    sync::Semaphore,
    task::spawn_blocking,
    time::{Duration, timeout},
};

use crate::{Reach, Refusal, is_host, own};

/// For a name to be looked up and a connection to be made.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Lookups at once: a thread each.
const LOOKUPS: usize = 128;
/// Of one tenant.
const LOOKUPS_PER_TENANT: usize = 4;

static PLACES: Semaphore = Semaphore::const_new(LOOKUPS);

/// The shares that somebody has. A lookup that nobody waits for any more keeps its tenant's.
static SHARES: Mutex<BTreeMap<String, Weak<Semaphore>>> = Mutex::new(BTreeMap::new());

/// Connects for a tenant, with its share of the lookups.
#[derive(Clone, Debug)]
pub struct Resolver(Arc<Semaphore>);

impl Resolver {
    /// All that asks for a tenant has its share together; the empty name is the operator's.
    #[must_use]
    pub fn of(tenant: &str) -> Self {
        let mut shares = SHARES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(tenant).and_then(Weak::upgrade) {
            return Self(share);
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(LOOKUPS_PER_TENANT));
        shares.insert(tenant.to_owned(), Arc::downgrade(&share));
        Self(share)
    }

    /// The addresses of a host that may be connected to: one at least.
    pub async fn resolve(&self, host: &str, port: u16, reach: Reach<'_>) -> Result<Vec<SocketAddr>, Refusal> {
        let found = self.look_up(host, port).await.map_err(|_| Refusal::Unresolved)?;
        if found.is_empty() {
            return Err(Refusal::Unresolved);
        }
        let allowed: Vec<_> = found.into_iter().filter(|address| reach.allows(address.ip())).collect();
        if allowed.is_empty() { Err(Refusal::PrivateAddress) } else { Ok(allowed) }
    }

    /// Connects to the first address of a host that may be, and does.
    pub async fn connect(&self, host: &str, port: u16, reach: Reach<'_>) -> Result<TcpStream, Refusal> {
        let connected = async {
            let addresses = self.resolve(host, port, reach).await?;
            TcpStream::connect(&*addresses).await.map_err(|_| Refusal::Unreachable)
        };
        timeout(CONNECT_TIME, connected).await.unwrap_or(Err(Refusal::Unreachable))
    }

    async fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        if !is_host(host) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let host = host.to_owned();
        let look_up = move || {
            // Read here, where it keeps no call waiting, for the check that follows.
            own::addresses();
            Ok((&*host, port).to_socket_addrs()?.collect())
        };
        self.off_thread(look_up).await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        look_up: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let own = self.0.clone().acquire_owned().await.map_err(io::Error::other)?;
        let common = PLACES.acquire().await.map_err(io::Error::other)?;
        let looked_up = spawn_blocking(move || {
            let _places = (own, common);
            look_up()
        });
        looked_up.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn who_gives_a_lookup_up_has_not_got_rid_of_it() {
        let resolver = Resolver::of("a");
        let mut begun = Vec::new();
        for _ in 0..LOOKUPS_PER_TENANT {
            let (answer, waiting) = mpsc::channel::<()>();
            let lookup = resolver.off_thread(move || Ok(waiting.recv().is_ok()));
            assert!(timeout(Duration::ZERO, lookup).await.is_err());
            begun.push(answer);
        }
        drop(resolver);
        let (same, other) = (Resolver::of("a"), Resolver::of("b"));
        assert_eq!(same.0.available_permits(), 0);
        assert_eq!(other.0.available_permits(), LOOKUPS_PER_TENANT, "another tenant's are its own");
        drop(begun);
        assert!(same.off_thread(|| Ok(())).await.is_ok(), "a place comes back with the answer");
    }
}
