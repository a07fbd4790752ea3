//! Whether workloads can be run here, and how well each limit is kept: by running one.

use std::fs::{self, DirBuilder};
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::Path;
use std::sync::Arc;

use openclaw_config::gateway::{Sandbox, SandboxMode};
use openclaw_runtime::find_program;
use openclaw_sandbox::image::Tree;
use openclaw_sandbox::{
    Backend, Bwrap, BwrapOptions, Docker, Enforcement, Info, Limit, Outcome, Reaper, Tenant, TenantUser, Workload,
};

use super::finding::Finding;

/// A workload that does nothing runs as nobody.
const NOBODY: NonZeroU32 = NonZeroU32::new(65534).unwrap();

/// Settings of the kernel that keep an ordinary user from making a sandbox: where, what it says then, and what to do.
const OBSTACLES: &[(&str, &str, &str)] = &[
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor keeps bwrap from making user namespaces: give it a profile with `userns,`, or \
         sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "users may make no namespaces: sysctl kernel.unprivileged_userns_clone=1",
    ),
    (
        "/proc/sys/user/max_user_namespaces",
        "0",
        "there may be no user namespace: sysctl user.max_user_namespaces=10000",
    ),
];

pub(super) async fn check(image: &Path, config: &Sandbox) -> Vec<Finding> {
    let tree = Tree::open(image);
    let image = match &tree {
        Some(tree) => Finding::ok("image", format!("{} packages, {} MiB", tree.packages().len(), tree.bytes() >> 20)),
        None => Finding::warn(
            "image",
            "not built: the first workload builds it, and waits for that",
            "openclaw sandbox image build",
        ),
    };
    let mut findings = by_bubblewrap(tree, config).await;
    findings.push(image);
    findings.push(docker(config).await);
    findings
}

async fn by_bubblewrap(tree: Option<Tree>, config: &Sandbox) -> Vec<Finding> {
    match run_one(tree).await {
        Err(why) => vec![Finding::fail("bubblewrap", why, "without it no workload runs in the mode bwrap")],
        Ok((_, outcome)) if outcome.exit_code != Some(0) => {
            let said = String::from_utf8_lossy(&outcome.stderr).trim().to_owned();
            let why = outcome.message.unwrap_or_default();
            vec![Finding::fail("bubblewrap", format!("it runs nothing: {why} {said}"), obstacle())]
        }
        Ok((info, outcome)) => {
            let took = outcome.usage.wall.as_millis();
            let runs = format!("{} runs workloads ({took} ms)", info.version);
            vec![Finding::ok("bubblewrap", runs), limits(&info, config.strict)]
        }
    }
}

/// Runs a workload that does nothing, in a directory of its own: the home is left alone.
#[allow(clippy::disallowed_methods, reason = "a directory of this check's")]
async fn run_one(tree: Option<Tree>) -> Result<(Info, Outcome), String> {
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    let open = || -> Result<(Bwrap, Tenant), Box<dyn std::error::Error>> {
        let (directory, work) = (place.path().join("sandbox"), place.path().join("work"));
        for path in [&directory, &work] {
            DirBuilder::new().mode(0o700).create(path)?;
        }
        let root = rustix::process::geteuid().is_root();
        if root {
            chown(&work, Some(NOBODY.get()), Some(NOBODY.get()))?;
        }
        let reaper = Reaper::start(&directory)?;
        let program = find_program("bwrap");
        let options = BwrapOptions { program, directory, tree, strict: false, pool: 0, reaper };
        let user = if root { TenantUser::Own(NOBODY) } else { TenantUser::Gateway };
        let workspace = Arc::new(OwnedFd::from(fs::File::open(work)?));
        Ok((Bwrap::open(options)?, Tenant { id: "doctor".to_owned(), user, workspace, read_only: true }))
    };
    let (bwrap, tenant) = open().map_err(|error| error.to_string())?;
    let outcome = bwrap.run(&tenant, Workload::new("true", [""; 0])).await.map_err(|error| error.to_string())?;
    Ok((bwrap.info(), outcome))
}

#[allow(clippy::disallowed_methods, reason = "files of the kernel")]
fn obstacle() -> &'static str {
    let stands =
        |(path, value, _): &&(&str, &str, &str)| fs::read_to_string(path).is_ok_and(|text| text.trim() == *value);
    let known = OBSTACLES.iter().find(stands).map(|(_, _, advice)| *advice);
    known.unwrap_or("look at what it says; in a container it needs to be allowed namespaces and seccomp")
}

fn limits(info: &Info, strict: bool) -> Finding {
    let all = [Limit::Memory, Limit::Cpu, Limit::Pids, Limit::Wall, Limit::Output, Limit::Files];
    let all = all.into_iter().chain([Limit::FileSize, Limit::Tmp, Limit::Binds]);
    let of = |how: Enforcement| {
        let limits: Vec<String> =
            all.clone().filter(|limit| info.limits.of(*limit) == how).map(|limit| limit.to_string()).collect();
        (!limits.is_empty()).then(|| limits.join(", "))
    };
    let words = [
        ("enforced", Enforcement::Enforced),
        ("approximated", Enforcement::Approximated),
        ("unavailable", Enforcement::Unavailable),
    ];
    let told: Vec<String> = words.into_iter().filter_map(|(word, how)| Some(format!("{word}: {}", of(how)?))).collect();
    let told = told.join("; ");
    if info.limits.not_enforced().is_empty() {
        return Finding::ok("limits", told);
    }
    let advice = "memory, cpu and pids want a cgroup of ours: run as root, or by systemd with Delegate=yes";
    if strict { Finding::fail("limits", told, advice) } else { Finding::warn("limits", told, advice) }
}

async fn docker(config: &Sandbox) -> Finding {
    match Docker::version(Path::new(&config.docker_socket)).await {
        Ok(version) => Finding::ok("docker", format!("version {version} answers")),
        Err(error) if config.mode == SandboxMode::Docker => {
            Finding::fail("docker", error.to_string(), "sandbox.mode is docker: no workload runs without it")
        }
        Err(error) => Finding::ok("docker", format!("{error}: workloads that ask for the mode docker are refused")),
    }
}
