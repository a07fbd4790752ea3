//! Who listens on a port of this machine, as far as /proc tells.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A listening TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listener {
    address: SocketAddr,
    inode: u64,
}

/// A process and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) name: String,
}

/// The process that keeps `address` from being bound. `None` where there is none, or it belongs to
/// another user.
pub(crate) fn holder(address: SocketAddr) -> Option<Process> {
    let inodes: Vec<u64> = listeners()
        .iter()
        .filter(|listener| overlaps(listener.address, address))
        .map(|listener| listener.inode)
        .collect();
    processes().find(|pid| sockets(*pid).any(|inode| inodes.contains(&inode))).map(process)
}

/// The addresses that a process listens on.
pub(crate) fn addresses_of(pid: u32) -> Vec<SocketAddr> {
    let own: Vec<u64> = sockets(pid).collect();
    listeners().iter().filter(|listener| own.contains(&listener.inode)).map(|listener| listener.address).collect()
}

/// The name of a process, and whether it is there at all.
#[allow(clippy::disallowed_methods, reason = "files of the kernel")]
pub(crate) fn process_name(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim().to_owned())
}

fn process(pid: u32) -> Process {
    Process { pid, name: process_name(pid).unwrap_or_else(|| "?".into()) }
}

fn overlaps(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    one.port() == other.port() && (a == b || a.is_unspecified() || b.is_unspecified())
}

#[allow(clippy::disallowed_methods, reason = "files of the kernel")]
fn listeners() -> Vec<Listener> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|table| table.lines().filter_map(parse).collect::<Vec<_>>())
        .collect()
}

/// One line of `/proc/net/tcp`, if its socket listens.
fn parse(line: &str) -> Option<Listener> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    if *state != LISTEN {
        return None;
    }
    let (ip, port) = local.split_once(':')?;
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(ip)?)),
        32 => {
            let words = [ip.get(..8)?, ip.get(8..16)?, ip.get(16..24)?, ip.get(24..)?];
            let mut bytes = [0; 16];
            for (place, text) in bytes.chunks_exact_mut(4).zip(words) {
                place.copy_from_slice(&word(text)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(Listener { address: SocketAddr::new(ip, port), inode: inode.parse().ok()? })
}

/// Four bytes in network order; the kernel prints each word in the machine's own.
fn word(text: &str) -> Option<[u8; 4]> {
    u32::from_str_radix(text, 16).ok().map(u32::to_ne_bytes)
}

#[allow(clippy::disallowed_methods, reason = "files of the kernel")]
fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[allow(clippy::disallowed_methods, reason = "files of the kernel")]
fn sockets(pid: u32) -> impl Iterator<Item = u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries.filter_map(|entry| socket_inode(&fs::read_link(entry.path()).ok()?))
}

/// `socket:[4711]`
fn socket_inode(link: &Path) -> Option<u64> {
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests;
