//! Descriptors that the runtime waits on.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// To wait for a descriptor that we own.
pub(crate) fn watched(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    #[allow(unsafe_code, reason = "the runtime asks for a promise")]
    // SAFETY: an `OwnedFd` stays open, and the same, until it is dropped; nobody can swap what is inside.
    let registered = unsafe { AsyncFd::register(descriptor) };
    Ok(registered?)
}
