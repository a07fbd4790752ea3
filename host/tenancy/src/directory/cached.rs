//! Reading what the kernel has in memory, without ever waiting for a disk: on
//! a thread that must not block.

use std::io::IoSliceMut;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, ReadWriteFlags};

use super::{Directory, DirectoryError, TenantPath, regular_size, resolve};

impl Directory {
    /// As [`Directory::read`], where neither the path nor the bytes have to be
    /// fetched; `None` where they would have to be, or the kernel cannot tell.
    pub fn read_cached(&self, path: &TenantPath, offset: u64, length: u32) -> Option<Result<Vec<u8>, DirectoryError>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let resolve = resolve::BENEATH | ResolveFlags::CACHED;
        let file = match rustix::fs::openat2(&*self.handle, path.as_str(), flags, Mode::empty(), resolve) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Some(Err(DirectoryError::NotFound)),
            // Every other case is left to the way that may wait.
            Err(_) => return None,
        };
        let size = match regular_size(&file) {
            Ok(size) => size,
            Err(error) => return Some(Err(error)),
        };
        let wanted = size.saturating_sub(offset).min(u64::from(length));
        let mut bytes = vec![0; usize::try_from(wanted).ok()?];
        if bytes.is_empty() {
            return Some(Ok(bytes));
        }
        let buffers = &mut [IoSliceMut::new(&mut bytes)];
        match rustix::io::preadv2(&file, buffers, offset, ReadWriteFlags::NOWAIT) {
            Ok(read) if read as u64 == wanted => Some(Ok(bytes)),
            _ => None,
        }
    }
}
