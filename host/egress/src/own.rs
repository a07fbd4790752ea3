//! The addresses of this machine, the public ones among them: what listens there counts on nobody else's coming by.

use std::{
    collections::HashSet,
    fs, io,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long what was read counts.
const FRESH: Duration = Duration::from_secs(5);

/// What the kernel takes for its own: by the routes of IPv4, which has more than the interfaces do, and by the
/// interfaces' addresses of IPv6.
const ROUTES: &str = "/proc/self/net/fib_trie";
const INTERFACES: &str = "/proc/self/net/if_inet6";

type Addresses = Option<Arc<HashSet<IpAddr>>>;

/// The addresses of this machine, as of late. None where the kernel does not say: then nobody knows which are not.
pub(crate) fn addresses() -> Addresses {
    static READ: Mutex<Option<(Instant, Addresses)>> = Mutex::new(None);
    let mut last = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, addresses)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
        return addresses.clone();
    }
    let was_unknown = last.as_ref().is_some_and(|(_, addresses)| addresses.is_none());
    let addresses = read().map(Arc::new);
    if let Err(error) = &addresses
        && !was_unknown
    {
        tracing::warn!(%error, "the addresses of this machine are not known, so nothing out in the world is reached");
    }
    let addresses = addresses.ok();
    *last = Some((Instant::now(), addresses.clone()));
    addresses
}

#[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
fn read() -> io::Result<HashSet<IpAddr>> {
    let routes = fs::read_to_string(ROUTES)?;
    let of_version_six = match fs::read_to_string(INTERFACES) {
        Ok(table) => table,
        // A kernel without IPv6.
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    Ok(local_routes(&routes).into_iter().chain(interfaces(&of_version_six)).collect())
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
        let own = addresses().expect("the kernel says");
        assert!(own.contains(&IpAddr::from([127, 0, 0, 1])), "{own:?}");
        assert!(!own.contains(&IpAddr::from([1, 1, 1, 1])), "{own:?}");
    }
}
