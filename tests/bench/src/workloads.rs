//! P9: a workload that does nothing, from spawn to exit: made for it, and taken ready from the pool, beside bubblewrap
//! alone with the same flags and beside fork and exec. And how many a second, where so many are wanted at once.

use std::{
    fs::{self, File},
    num::NonZeroU32,
    os::unix::{fs::chown, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use openclaw_sandbox::{Backend, Bwrap, BwrapOptions, Reaper, Reason, Tenant, TenantUser, Workload};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    Setting,
    report::{Report, Row, Verdict, micros},
};

const BWRAP: &str = "/usr/bin/bwrap";
/// The user of the workloads, where we are root.
const USER: u32 = 200_001;
/// Starts of each kind for a round of the setting.
const STARTS: usize = 15;
/// So many at once.
const CROWDS: [usize; 3] = [1, 4, 16];

/// Microseconds of each start.
#[derive(Default)]
struct Times {
    bare: Vec<f64>,
    alone: Vec<f64>,
    cold: Vec<f64>,
    warm: Vec<f64>,
}

/// Starts a second of each kind, where so many are wanted at once.
struct Rate {
    crowd: usize,
    alone: f64,
    cold: f64,
}

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut times = runtime.block_on(starts(STARTS * setting.rounds))?;
    let [bare, alone, cold, warm] =
        [&mut times.bare, &mut times.alone, &mut times.cold, &mut times.warm].map(|times| middle(times));
    let mut row = |what: &str, measured: f64, baseline: (&str, f64), target: &str, reached: bool| {
        report.row(Row {
            id: "P9",
            what: what.to_owned(),
            measured: micros(measured),
            baseline: format!("{} {}", baseline.0, micros(baseline.1)),
            ratio: Some(measured / baseline.1),
            target: target.to_owned(),
            verdict: Verdict::of(reached),
        });
    };
    row("workload `true`, p50", cold, ("bwrap", alone), "≤ 1.2 ×", cold <= 1.2 * alone);
    row("workload `true`, p50", cold, ("fork+exec", bare), "≤ 8 ×", cold <= 8.0 * bare);
    row("the same from the pool, p50", warm, ("fork+exec", bare), "≤ 5 ms", warm <= 5000.0);
    let rates = runtime.block_on(rates(STARTS * setting.rounds))?;
    for Rate { crowd, alone, cold } in &rates {
        report.row(Row {
            id: "P9",
            what: format!("workloads `true`, {crowd} at once"),
            measured: format!("{cold:.0} starts/s"),
            baseline: format!("bwrap {alone:.0} starts/s"),
            ratio: Some(cold / alone),
            target: String::new(),
            verdict: Verdict::Info,
        });
    }
    let Times { bare, alone, cold, warm } = times;
    let rates: Vec<_> = rates.iter().map(|rate| json!([rate.crowd, rate.alone, rate.cold])).collect();
    let times = json!({ "forkExecUs": bare, "bwrapUs": alone, "coldUs": cold, "warmUs": warm, "perSecond": rates });
    report.details("P9", times);
    Ok(())
}

async fn starts(count: usize) -> Result<Times> {
    let home = tempfile::tempdir()?;
    let directory = home.path().join("sandbox");
    let reaper = Reaper::start(&directory)?;
    let open = |pool| {
        let (program, directory, reaper) = (BWRAP.into(), directory.clone(), reaper.clone());
        Bwrap::open(BwrapOptions { program, directory, tree: None, strict: false, pool, reaper })
    };
    let (cold, pooled) = (open(0)?, open(1)?);
    let workspace = home.path().join("work");
    let tenant = tenant(&workspace)?;
    let mut times = Times::default();
    // One after the other: what else the machine does is shared by all four.
    for _ in 0..count {
        times.bare.push(spawned(&mut Command::new("/bin/true"))?);
        times.alone.push(spawned(&mut alone(&workspace))?);
        times.cold.push(run(&cold, &tenant).await?);
        pooled.warm(&tenant).await;
        times.warm.push(run(&pooled, &tenant).await?);
    }
    Ok(times)
}

async fn rates(count: usize) -> Result<Vec<Rate>> {
    let home = tempfile::tempdir()?;
    let directory = home.path().join("sandbox");
    let (program, reaper) = (BWRAP.into(), Reaper::start(&directory)?);
    let backend = Bwrap::open(BwrapOptions { program, directory, tree: None, strict: false, pool: 0, reaper })?;
    let (backend, workspace) = (Arc::new(backend), home.path().join("work"));
    let tenant = tenant(&workspace)?;
    let mut rates = Vec::new();
    for crowd in CROWDS {
        let each = count.div_ceil(crowd);
        let per_second = |started: Instant| (each * crowd) as f64 / started.elapsed().as_secs_f64();
        let (started, mut running) = (Instant::now(), JoinSet::new());
        for _ in 0..crowd {
            let workspace = workspace.clone();
            running.spawn_blocking(move || (0..each).try_for_each(|_| spawned(&mut alone(&workspace)).map(drop)));
        }
        running.join_all().await.into_iter().collect::<Result<()>>()?;
        let alone = per_second(started);
        let (started, mut running) = (Instant::now(), JoinSet::new());
        for _ in 0..crowd {
            let (backend, tenant) = (backend.clone(), tenant.clone());
            running.spawn(async move {
                for _ in 0..each {
                    run(&*backend, &tenant).await?;
                }
                Ok(())
            });
        }
        running.join_all().await.into_iter().collect::<Result<()>>()?;
        rates.push(Rate { crowd, alone, cold: per_second(started) });
    }
    backend.close().await;
    Ok(rates)
}

pub(crate) fn tenant(workspace: &Path) -> Result<Tenant> {
    fs::create_dir(workspace)?;
    let own = NonZeroU32::new(USER).filter(|_| rustix::process::geteuid().is_root());
    if own.is_some() {
        chown(workspace, Some(USER), Some(USER))?;
    }
    let user = own.map_or(TenantUser::Gateway, TenantUser::Own);
    Ok(Tenant { id: "bench".to_owned(), user, workspace: Arc::new(File::open(workspace)?.into()), read_only: false })
}

/// bubblewrap with what a workload gets, by whoever knows its flags.
fn alone(workspace: &Path) -> Command {
    let mut command = Command::new(BWRAP);
    command.args(["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]);
    command.args(["--unshare-cgroup-try", "--disable-userns", "--die-with-parent", "--new-session"]);
    command.args(["--cap-drop", "ALL", "--hostname", "sandbox", "--clearenv"]);
    command.args(["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin"]);
    command.args(["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"]);
    command.args(["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"]);
    command.args(["--size", "67108864", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]);
    command.args(["--size", "67108864", "--tmpfs", "/tmp", "--tmpfs", "/run", "--remount-ro", "/run"]);
    command.arg("--bind").arg(workspace).args(["/work", "--chdir", "/work", "--remount-ro", "/", "--", "true"]);
    command.env_clear();
    if rustix::process::geteuid().is_root() {
        command.uid(USER).gid(USER);
    }
    command
}

fn spawned(command: &mut Command) -> Result<f64> {
    let started = Instant::now();
    let status = command.stdin(Stdio::null()).status().context("a baseline does not start")?;
    let took = started.elapsed();
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(microseconds(took))
}

pub(crate) async fn run(backend: &dyn Backend, tenant: &Tenant) -> Result<f64> {
    let started = Instant::now();
    let outcome = backend.run(tenant, Workload::new("true", [""; 0])).await?;
    let took = started.elapsed();
    ensure!((outcome.reason, outcome.exit_code) == (Reason::Exit, Some(0)), "{:?}", outcome.message);
    Ok(microseconds(took))
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The median; sorts.
pub(crate) fn middle(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
