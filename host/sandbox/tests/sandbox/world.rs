//! A machine for tests: directories, tenants, back ends.

use std::fs::{self, File};
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openclaw_sandbox::image::{self, Tree};
use openclaw_sandbox::{Backend, Bwrap, BwrapOptions, Outcome, Output, Reaper, Tenant, TenantUser, Workload};

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Says what is not tested, where nobody can miss it.
#[allow(clippy::print_stderr, reason = "for whoever reads the tests' output")]
pub(crate) fn skip(what: &str) {
    eprintln!("\n==== SKIPPED: {what} ====\n");
}

/// A home of the gateway with the workspaces of its tenants.
pub(crate) struct World {
    pub(crate) home: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let home = tempfile::Builder::new().prefix("openclaw-sandbox-").tempdir().unwrap();
        // As the gateway's own: no tenant's user can walk through it.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Self { home }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn reaper(&self) -> Reaper {
        Reaper::start(&self.path("sandbox")).unwrap()
    }

    /// The tree, built once for all tests where this user can write to the place for that.
    pub(crate) fn tree(&self) -> Tree {
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandbox-image");
        image::build(&shared, &[]).or_else(|_| image::build(&self.path("image"), &[])).unwrap()
    }

    pub(crate) fn options(&self) -> BwrapOptions {
        BwrapOptions {
            program: "/usr/bin/bwrap".into(),
            directory: self.path("sandbox"),
            tree: None,
            strict: false,
            pool: 0,
            reaper: self.reaper(),
        }
    }

    pub(crate) fn bwrap(&self) -> Bwrap {
        Bwrap::open(self.options()).unwrap()
    }

    /// A tenant with a workspace; as root with a uid, as an ordinary user without.
    pub(crate) fn tenant(&self, number: u32) -> Tenant {
        let id = format!("tenant-{number}");
        let workspace = self.path(&id);
        fs::create_dir_all(&workspace).unwrap();
        fs::set_permissions(&workspace, fs::Permissions::from_mode(0o700)).unwrap();
        let user = if is_root() {
            chown(&workspace, Some(200_000 + number), Some(200_000 + number)).unwrap();
            TenantUser::Own(NonZeroU32::new(200_000 + number).unwrap())
        } else {
            TenantUser::Gateway
        };
        let workspace: OwnedFd = File::open(workspace).unwrap().into();
        Tenant { id, user, workspace: Arc::new(workspace), read_only: false }
    }
}

/// What a shell says, where it succeeds.
pub(crate) async fn shell(backend: &dyn Backend, tenant: &Tenant, script: &str) -> String {
    let outcome = backend.run(tenant, Workload::shell(script)).await.unwrap();
    assert_eq!(outcome.exit_code, Some(0), "{script}: {}", describe(&outcome));
    String::from_utf8(outcome.stdout).unwrap().trim_end().to_owned()
}

/// Where the machine runs short of memory or time, workloads are the first to go.
pub(crate) async fn stands_back(backend: &dyn Backend, tenant: &Tenant) {
    let workload = Workload::shell("cat /proc/self/oom_score_adj; sleep 1000");
    let mut session = backend.start(tenant, workload).await.unwrap();
    assert_eq!(session.next().await, Some(Output::Stdout("1000\n".into())));
    if is_root() {
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", session.process().unwrap())).unwrap();
        assert!(groups.contains("/openclaw-workloads/"), "{groups}");
    }
    session.remote().kill();
    session.outcome().await;
}

pub(crate) fn describe(outcome: &Outcome) -> String {
    let [stdout, stderr] = [&outcome.stdout, &outcome.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let Outcome { reason, exit_code, signal, message, .. } = outcome;
    format!("{reason:?} {exit_code:?} {signal:?} {message:?}\nstdout: {stdout}\nstderr: {stderr}")
}
