//! Files without a name that a workload keeps: they take from the disk, and no walk of a directory finds them.
//!
//! They are looked for in `/proc`, among what each thread of the workload has open and what each process has mapped. Of
//! some nobody tells: of a descriptor on its way through a socket, of mappings where the gateway is not root, and of what an
//! OCI runtime holds for a workload that has a kernel of its own. Against those stands what is left of the disk alone.

use std::collections::HashMap;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use crate::processes;

/// What is looked at of one workload: twice what its processes can have open by the default limits.
const MOST: usize = 1 << 18;

/// A workload has more open than is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a workload has more open than is looked at")]
pub struct TooMany;

/// The bytes of such files on a device that a workload keeps, by its first process.
///
/// # Errors
/// Where it has too many to be counted.
pub fn unlinked_bytes(process: u32, device: u64) -> Result<u64, TooMany> {
    let mut look = Look { device, left: MOST, found: HashMap::new() };
    for process in processes::tree(process) {
        look.at(&format!("/proc/{process}/map_files"))?;
        for thread in processes::threads(process) {
            look.at(&format!("/proc/{process}/task/{thread}/fd"))?;
        }
    }
    Ok(look.found.into_values().sum())
}

struct Look {
    device: u64,
    left: usize,
    /// By their inodes: many can have one open.
    found: HashMap<u64, u64>,
}

impl Look {
    /// Each entry leads to the open file itself, which is asked what it is: nothing is opened, and no name that the
    /// workload chose is followed.
    #[allow(clippy::disallowed_methods, reason = "the kernel's own files")]
    fn at(&mut self, directory: &str) -> Result<(), TooMany> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // Gone meanwhile, or not ours to look at.
        let Ok(directory) = rustix::fs::open(directory, flags, Mode::empty()) else { return Ok(()) };
        let Ok(entries) = Dir::read_from(&directory) else { return Ok(()) };
        for entry in entries.flatten().filter(|entry| !matches!(entry.file_name().to_bytes(), b"." | b"..")) {
            self.left = self.left.checked_sub(1).ok_or(TooMany)?;
            let Ok(stat) = rustix::fs::statat(&directory, entry.file_name(), AtFlags::empty()) else { continue };
            let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
            if is_file && stat.st_nlink == 0 && stat.st_dev == self.device {
                self.found.insert(stat.st_ino, u64::try_from(stat.st_blocks).unwrap_or_default().saturating_mul(512));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
