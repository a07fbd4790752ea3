//! What the kernel says of this process.

/// Bytes of memory that are in use, where the kernel says so.
#[allow(clippy::disallowed_methods, reason = "the kernel's figures about this very process")]
pub(super) fn resident_bytes() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let resident: u64 = pages.split_whitespace().nth(1)?.parse().ok()?;
    Some(resident * rustix::param::page_size() as u64)
}
