//! The system that a workload sees: the built tree, or the host's own `/usr`.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::image::Tree;
use crate::{Error, Root};

/// What of the host's `/etc` a program of `/usr` needs, and no more.
pub(super) const HOST_ETC: &[&str] = &["alternatives", "ld.so.cache", "ssl/certs", "localtime"];

#[derive(Clone, Debug)]
pub(super) enum RootFiles {
    Tree(Arc<OwnedFd>),
    HostUsr {
        usr: Arc<OwnedFd>,
        /// As `HOST_ETC` names them; none where the host has it not.
        etc: Vec<Option<Arc<OwnedFd>>>,
    },
}

impl RootFiles {
    pub(super) fn open(tree: Option<&Tree>) -> Result<(Self, Root), Error> {
        let Some(tree) = tree else { return Ok((Self::host()?, Root::HostUsr)) };
        let files = open(tree.path()).map_err(Error::io("the sandbox's root tree"))?;
        Ok((Self::Tree(files), Root::Tree(tree.digest().to_owned())))
    }

    fn host() -> Result<Self, Error> {
        let usr = open(Path::new("/usr")).map_err(Error::io("/usr"))?;
        let one = |name: &&str| match open(&Path::new("/etc").join(name)) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        };
        let etc = HOST_ETC.iter().map(one).collect::<Result<_, _>>().map_err(Error::io("/etc"))?;
        Ok(Self::HostUsr { usr, etc })
    }
}

#[allow(clippy::disallowed_methods, reason = "the machine's own files, or the root tree's")]
fn open(path: &Path) -> Result<Arc<OwnedFd>, Errno> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map(Arc::new)
}
