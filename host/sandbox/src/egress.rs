//! The one way out of a sandbox: a proxy of ours at the end of one socket.
//!
//! Inside, the shim listens on [`INSIDE`] and passes on to the socket; there is no other network. The proxy takes
//! CONNECT and plain HTTP, lets through what the [`Policy`] allows, resolves names itself, and connects to the very
//! address that it has checked. A redirect comes back as a new request, and is checked as one.

mod proxy;

use std::fmt;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openclaw_egress::Resolver;
use rustix::fs::{Gid, Mode, OFlags, Uid};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

pub use openclaw_egress::{AllowList, Attempt, InvalidEntry, Refusal};

use crate::reaper::{Kind, Owed};
use crate::{Error, Reaper};

/// Where the proxy is for a workload.
pub const INSIDE: &str = "127.0.0.1:3128";
pub(crate) const SOCKET_INSIDE: &str = "/run/egress.sock";

/// Resolves once an attempt is told; does not block.
pub type Telling = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a workload may reach, and who is told when it tries.
pub struct Policy {
    pub allow: AllowList,
    /// Addresses of private networks that the operator vouches for; all others of that kind are refused.
    pub private: Vec<IpAddr>,
    /// Told of every attempt, before it is answered, and of one that is given up as of one that was not answered.
    pub audit: Box<dyn Fn(Attempt) -> Telling + Send + Sync>,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("allow", &self.allow).field("private", &self.private).finish_non_exhaustive()
    }
}

/// Opens the sockets of workloads.
#[derive(Clone, Debug)]
pub(crate) struct Egress {
    directory: PathBuf,
    reaper: Reaper,
}

/// The way out of one workload; closed when dropped.
#[derive(Debug)]
pub(crate) struct Passage {
    path: PathBuf,
    proxy: JoinHandle<()>,
    _owed: Owed,
}

impl Egress {
    /// `directory` is our own.
    pub(crate) fn new(directory: &Path, reaper: &Reaper) -> Self {
        Self { directory: directory.to_owned(), reaper: reaper.clone() }
    }

    /// A socket for this user of the tenant's alone.
    #[allow(clippy::disallowed_methods, reason = "our own directory, which no tenant reaches")]
    pub(crate) fn open(&self, policy: Arc<Policy>, tenant: &str, (uid, gid): (u32, u32)) -> Result<Passage, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("egress-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = self.directory.join(name);
        let owed = self.reaper.owe(Kind::Directory, path.clone());
        let open = || -> std::io::Result<UnixListener> {
            let listener = UnixListener::bind(&path)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            rustix::fs::chown(&path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
            Ok(listener)
        };
        let listener = open().map_err(Error::io("the socket of the proxy"))?;
        let proxy = tokio::spawn(proxy::serve(listener, policy, Resolver::of(tenant)));
        Ok(Passage { path, proxy, _owed: owed })
    }
}

impl Passage {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// To bind it.
    #[allow(clippy::disallowed_methods, reason = "our own directory, which no tenant reaches")]
    pub(crate) fn socket(&self) -> Result<OwnedFd, Error> {
        rustix::fs::open(&self.path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .map_err(Error::io("the socket of the proxy"))
    }
}

impl Drop for Passage {
    #[allow(clippy::disallowed_methods, reason = "our own directory, which no tenant reaches")]
    fn drop(&mut self) {
        self.proxy.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}
