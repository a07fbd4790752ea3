//! How many connections are open: in all, and from one address. One more is
//! closed at once, so that nobody takes the descriptors that everyone needs.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::process::{Resource, getrlimit};

use crate::auth::network;

/// How often the log tells of too many connections.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// The open connections over TCP; the control socket, which is the operator's alone, has no bound.
#[derive(Debug)]
pub(crate) struct Connections {
    most: usize,
    most_per_address: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
    /// When the log last got a line of there being too many.
    told: Option<Instant>,
}

/// The place of one connection, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    address: IpAddr,
}

impl Connections {
    /// As configured, and never so many that files and databases find no descriptor.
    pub(crate) fn new(most: usize, most_per_address: usize) -> Arc<Self> {
        let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok());
        let most = files.map_or(most, |files| most.min(files / 4 * 3)).max(1);
        Arc::new(Self { most, most_per_address, open: Mutex::default() })
    }

    /// A place for a connection from this address; none where there are too many.
    /// A proxy on this machine brings everyone's connections from one address.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let address = network(peer);
        let mut open = self.open();
        let from_here = open.by_address.get(&address).copied().unwrap_or_default();
        let crowded = !address.is_loopback() && from_here >= self.most_per_address;
        if open.all >= self.most || crowded {
            // Whoever is refused can come again at once, and must not fill the log.
            if open.told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
                open.told = Some(Instant::now());
                tracing::warn!(%peer, open = open.all, from_here, "too many connections: new ones are closed");
            }
            return None;
        }
        open.all += 1;
        open.by_address.insert(address, from_here + 1);
        Some(Place { connections: self.clone(), address })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.all -= 1;
        if let Some(from_here) = open.by_address.get_mut(&self.address) {
            *from_here -= 1;
            if *from_here == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_bound_and_all_have_one() {
        let connections = Connections::new(3, 2);
        let (one, two) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let places = [connections.enter(one), connections.enter(one)];
        assert!(places.iter().all(Option::is_some) && connections.enter(one).is_none());
        let third = connections.enter(two).expect("another address has its own");
        assert!(connections.enter("127.0.0.1".parse().unwrap()).is_none(), "three are open in all");
        drop((places, third));
        assert!(connections.enter(one).is_some());
        assert!(connections.open().by_address.is_empty());
    }

    #[test]
    fn a_proxy_on_this_machine_may_bring_everyone() {
        let connections = Connections::new(10, 1);
        let places: Vec<_> = (0..10).filter_map(|_| connections.enter("127.0.0.1".parse().unwrap())).collect();
        assert_eq!(places.len(), 10);
    }
}
