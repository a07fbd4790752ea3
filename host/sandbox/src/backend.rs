//! What both modes have in common: who a workload runs for, and how it is started.

use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::limits::{Limit, Support};
use crate::session::Session;
use crate::{Error, Outcome, Workload};

/// A way to confine workloads.
pub trait Backend: Send + Sync {
    /// What it is here, and how well it keeps each limit.
    fn info(&self) -> Info;

    /// Starts a workload. Dropping the session kills it.
    fn start<'a>(&'a self, tenant: &'a Tenant, workload: Workload) -> BoxFuture<'a, Result<Session, Error>>;

    /// Ends what is kept ready for workloads to come, and keeps no more; those that run go on.
    fn close(&self) -> BoxFuture<'_, ()>;

    /// Starts a workload and waits for its end.
    fn run<'a>(&'a self, tenant: &'a Tenant, workload: Workload) -> BoxFuture<'a, Result<Outcome, Error>> {
        Box::pin(async move { Ok(self.start(tenant, workload).await?.collect().await) })
    }
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    // From the less to the more strict: the order is that of the derived comparison.
    Bwrap,
    Docker,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bwrap => "bwrap",
            Self::Docker => "docker",
        }
    }

    /// The stricter of what two levels of the configuration choose.
    pub fn stricter(self, other: Self) -> Self {
        self.max(other)
    }
}

/// Whose workload it is. The host makes one; nothing of it comes from the tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Names its containers; letters, digits and dashes.
    pub id: String,
    pub user: TenantUser,
    /// Bound at `/work`.
    pub workspace: Arc<OwnedFd>,
    /// The tenant's workloads can only read it.
    pub read_only: bool,
}

/// Which user of the machine a tenant's workloads run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantUser {
    /// One that is this tenant's alone, with a group of the same number. Needs root.
    Own(NonZeroU32),
    /// The gateway's own, where the gateway is an ordinary user.
    Gateway,
}

impl TenantUser {
    /// The uid and the gid, never 0.
    pub(crate) fn ids(self) -> Result<(u32, u32), Error> {
        let (own, group) = (rustix::process::geteuid(), rustix::process::getegid());
        match (self, own.is_root()) {
            (Self::Own(uid), true) => Ok((uid.get(), uid.get())),
            (Self::Own(_), false) => Err(Error::TenantUserNeedsRoot),
            (Self::Gateway, true) => Err(Error::NoTenantUser),
            (Self::Gateway, false) => Ok((own.as_raw(), group.as_raw())),
        }
    }

    /// What a workload reads at `/etc/passwd`: the same in both modes.
    pub(crate) fn passwd(self) -> Result<String, Error> {
        let (uid, gid) = self.ids()?;
        Ok(format!(
            "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n\
             tenant:x:{uid}:{gid}:tenant:/work:/bin/bash\n\
             nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        ))
    }

    /// What a workload reads at `/etc/group`.
    pub(crate) fn group(self) -> Result<String, Error> {
        let (_, gid) = self.ids()?;
        Ok(format!("root:x:0:\ntty:x:5:\ntenant:x:{gid}:\nnogroup:x:65534:\n"))
    }
}

/// What a back end is on this machine.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    pub mode: Mode,
    pub version: String,
    /// The system that workloads see.
    pub root: Root,
    pub limits: Support,
    /// What is less than it could be here, and what would change that.
    pub notes: Vec<String>,
}

/// The system of read-only files that a workload sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Root {
    /// The tree that [`crate::image`] built, by its digest.
    Tree(String),
    /// The host's own `/usr`.
    HostUsr,
    /// An image that the operator named.
    Image(String),
}

/// Refuses what is not enforced, where that is asked for.
pub(crate) fn check_strict(strict: bool, support: &Support) -> Result<(), Error> {
    let missing: Vec<Limit> = if strict { support.not_enforced() } else { Vec::new() };
    if missing.is_empty() { Ok(()) } else { Err(Error::NotEnforced(missing)) }
}
