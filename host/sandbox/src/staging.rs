//! Gives the Docker Engine, which takes paths only, what was opened as a descriptor.
//!
//! As root the descriptor itself is mounted on a place that only root reaches: whatever the tenant makes of its path
//! meanwhile, the engine binds what was opened. Without root there is only the path.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{CWD, FileType};
use rustix::mount::{MoveMountFlags, OpenTreeFlags, UnmountFlags, move_mount, open_tree, unmount};

use crate::reaper::{Kind, Owed};
use crate::{Error, Reaper};

/// Where things are staged.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    directory: PathBuf,
    reaper: Reaper,
}

/// A path that means what was opened, until it is dropped.
#[derive(Debug)]
pub(crate) struct Staged {
    path: PathBuf,
    mounted: Option<[Owed; 2]>,
}

impl Staging {
    #[allow(clippy::disallowed_methods, reason = "our own directory, which no tenant reaches")]
    pub(crate) fn open(directory: &Path, reaper: &Reaper) -> Result<Self, Error> {
        let directory = directory.join("mounts");
        let create = || {
            fs::create_dir_all(&directory)?;
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))
        };
        create().map_err(Error::io("the directory for mounts"))?;
        Ok(Self { directory, reaper: reaper.clone() })
    }

    /// Whether what is staged is what was opened.
    pub(crate) fn is_exact() -> bool {
        rustix::process::geteuid().is_root()
    }

    pub(crate) fn stage(&self, source: &OwnedFd) -> Result<Staged, Error> {
        if Self::is_exact() { self.mount(source) } else { Staged::by_path(source) }.map_err(Error::io("a mount"))
    }

    #[allow(clippy::disallowed_methods, reason = "our own directory, which no tenant reaches")]
    fn mount(&self, source: &OwnedFd) -> io::Result<Staged> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = self.directory.join(name);
        let is_directory = FileType::from_raw_mode(rustix::fs::fstat(source)?.st_mode) == FileType::Directory;
        // In the order in which the reaper goes backwards: first the mount, then the place.
        let place = self.reaper.owe(Kind::Directory, path.clone());
        let mount = self.reaper.owe(Kind::Mount, path.clone());
        if is_directory {
            fs::create_dir(&path)?;
        } else {
            fs::File::create_new(&path)?;
        }
        let staged = Staged { path, mounted: Some([mount, place]) };
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        let tree = open_tree(source, "", flags)?;
        move_mount(&tree, "", CWD, &staged.path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
        Ok(staged)
    }
}

impl Staged {
    #[allow(clippy::disallowed_methods, reason = "the path of what the host opened")]
    fn by_path(source: &OwnedFd) -> io::Result<Self> {
        let path = fs::read_link(format!("/proc/self/fd/{}", source.as_raw_fd()))?;
        Ok(Self { path, mounted: None })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staged {
    #[allow(clippy::disallowed_methods, reason = "our own directory, which no tenant reaches")]
    fn drop(&mut self) {
        if self.mounted.is_none() {
            return;
        }
        let _ = unmount(&self.path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        // Neither removes what is still mounted.
        let _ = fs::remove_dir(&self.path).or_else(|_| fs::remove_file(&self.path));
    }
}
