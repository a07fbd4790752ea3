//! The addresses of this machine, the public ones among them: what listens there counts on nobody else's coming by.

use std::{
    collections::HashSet,
    fs,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long what was read counts.
const FRESH: Duration = Duration::from_secs(5);

/// What the kernel takes for its own: by the routes of IPv4, which has more than the interfaces do, and by the
/// interfaces' addresses of IPv6.
const ROUTES: &str = "/proc/net/fib_trie";
const INTERFACES: &str = "/proc/net/if_inet6";

type Addresses = Arc<HashSet<IpAddr>>;

/// Whether an address is one of this machine's own.
pub(crate) fn is_own(address: IpAddr) -> bool {
    static READ: Mutex<Option<(Instant, Addresses)>> = Mutex::new(None);
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let fresh = read.as_ref().filter(|(at, _)| at.elapsed() < FRESH).map(|(_, addresses)| addresses.clone());
    let addresses = fresh.unwrap_or_else(|| {
        let addresses = Arc::new(addresses());
        *read = Some((Instant::now(), addresses.clone()));
        addresses
    });
    addresses.contains(&address)
}

#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
fn addresses() -> HashSet<IpAddr> {
    let text = |file| fs::read_to_string(file).unwrap_or_default();
    local_routes(&text(ROUTES)).into_iter().chain(interfaces(&text(INTERFACES))).collect()
}

/// Each address stands on a line of its own, what it is on the next: `|-- 127.0.0.1`, `/32 host LOCAL`.
fn local_routes(trie: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut last: Option<IpAddr> = None;
    for line in trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            found.extend(last);
        }
    }
    found
}

/// Each line begins with the address in 32 digits.
fn interfaces(table: &str) -> impl Iterator<Item = IpAddr> {
    let digits = table.lines().filter_map(|line| line.split_whitespace().next());
    digits.filter_map(|digits| u128::from_str_radix(digits, 16).ok()).map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        let trie = "Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 203.0.113.0/24 2 0 2
        |-- 203.0.113.7
           /32 host LOCAL
        |-- 203.0.113.255
           /32 link BROADCAST
";
        assert_eq!(local_routes(trie), [IpAddr::from([203, 0, 113, 7])]);
        let table = "20010db8000000000000000000000007 02 40 00 80     eth0\n";
        let found: Vec<_> = interfaces(table).collect();
        assert_eq!(found, ["2001:db8::7".parse::<IpAddr>().expect("an address")]);
    }

    #[test]
    fn an_address_that_this_machine_listens_on_is_its_own() {
        let local_to_the_tables = !addresses().is_empty();
        assert_eq!(is_own(IpAddr::from([127, 0, 0, 1])), local_to_the_tables);
        assert!(!is_own(IpAddr::from([1, 1, 1, 1])));
    }
}
