//! The static helper that this crate carries along (`shim/`), as a file that can be bound and started.

use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};

use crate::Error;

const SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/shim"));

/// Where it is inside.
pub(crate) const INSIDE: &str = "/run/shim";

/// Where a container's first process finds its job.
pub(crate) const JOB_INSIDE: &str = "/run/job";

/// The installed helper.
#[derive(Clone, Debug)]
pub(crate) struct Shim {
    path: PathBuf,
}

impl Shim {
    /// Writes it into our own directory, by its digest, where it is not there yet.
    #[allow(clippy::disallowed_methods, reason = "our own directory, which no tenant reaches")]
    pub(crate) fn install(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(format!("shim-{}", &hex::encode(Sha256::digest(SHIM))[..16]));
        if fs::read(&path).is_ok_and(|present| present == SHIM) {
            return Ok(Self { path });
        }
        let write = || -> io::Result<()> {
            fs::create_dir_all(directory)?;
            let new = directory.join(format!(".shim-{}", std::process::id()));
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(&new)?;
            file.write_all(SHIM)?;
            rustix::fs::fchmod(&file, Mode::from_raw_mode(0o755))?;
            fs::rename(&new, &path)
        };
        write().map_err(Error::io("the sandbox's helper cannot be written"))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// To bind it.
    #[allow(clippy::disallowed_methods, reason = "our own directory, which no tenant reaches")]
    pub(crate) fn open(&self) -> Result<OwnedFd, Error> {
        rustix::fs::open(&self.path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .map_err(Error::io("the sandbox's helper"))
    }
}
