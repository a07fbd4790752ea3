//! P9: a workload that does nothing, from spawn to exit: made for it, and taken ready from the pool, beside bubblewrap
//! alone with the same flags and beside fork and exec. And how many a second, where so many are wanted at once.

use std::{
    fs::{self, File, Permissions},
    io::{Seek, Write},
    num::NonZeroU32,
    os::{
        fd::AsRawFd,
        unix::{
            fs::{PermissionsExt, chown},
            process::CommandExt,
        },
    },
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use openclaw_sandbox::{
    Backend, Bwrap, BwrapOptions, Reaper, Reason, Tenant, TenantUser, Workload,
    image::{self, Tree},
};
use rustix::fs::MemfdFlags;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    Setting,
    report::{Report, Row, Verdict, micros},
    stats::microseconds,
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
    let place = tempfile::tempdir()?;
    // The baseline's user walks to it.
    fs::set_permissions(place.path(), Permissions::from_mode(0o755))?;
    // What workloads see where ./bootstrap was run.
    let tree = image::build(place.path(), &[]).context("the sandbox's image")?;
    let mut times = runtime.block_on(starts(&tree, STARTS * setting.rounds))?;
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
    let rates = runtime.block_on(rates(&tree, STARTS * setting.rounds))?;
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

async fn starts(tree: &Tree, count: usize) -> Result<Times> {
    let home = tempfile::tempdir()?;
    let directory = home.path().join("sandbox");
    let reaper = Reaper::start(&directory)?;
    let open = |pool| {
        let (program, directory, reaper) = (BWRAP.into(), directory.clone(), reaper.clone());
        let tree = Some(tree.clone());
        Bwrap::open(BwrapOptions { program, directory, tree, strict: false, pool, reaper })
    };
    let (cold, pooled) = (open(0)?, open(1)?);
    let workspace = home.path().join("work");
    let tenant = tenant(&workspace)?;
    let mut times = Times::default();
    // One after the other: what else the machine does is shared by all four.
    for _ in 0..count {
        times.bare.push(spawned(as_user(&mut Command::new("/bin/true")))?);
        times.alone.push(alone(tree, &workspace)?.start()?);
        times.cold.push(run(&cold, &tenant).await?);
        pooled.warm(&tenant).await;
        times.warm.push(run(&pooled, &tenant).await?);
    }
    Ok(times)
}

async fn rates(tree: &Tree, count: usize) -> Result<Vec<Rate>> {
    let home = tempfile::tempdir()?;
    let directory = home.path().join("sandbox");
    let (program, reaper) = (BWRAP.into(), Reaper::start(&directory)?);
    let options = BwrapOptions { program, directory, tree: Some(tree.clone()), strict: false, pool: 0, reaper };
    let backend = Bwrap::open(options)?;
    let (backend, workspace) = (Arc::new(backend), home.path().join("work"));
    let tenant = tenant(&workspace)?;
    let mut rates = Vec::new();
    for crowd in CROWDS {
        let each = count.div_ceil(crowd);
        let per_second = |started: Instant| (each * crowd) as f64 / started.elapsed().as_secs_f64();
        let (started, mut running) = (Instant::now(), JoinSet::new());
        for _ in 0..crowd {
            let (tree, workspace) = (tree.clone(), workspace.clone());
            running.spawn_blocking(move || (0..each).try_for_each(|_| alone(&tree, &workspace)?.start().map(drop)));
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

/// bubblewrap with the flags that a workload gets, by whoever knows them: what it is given by descriptor is named by its
/// path here, and there is no filter of system calls.
fn alone(tree: &Tree, workspace: &Path) -> Result<Alone> {
    let mut alone = Alone::default();
    alone.add("--unshare-user --unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup-try");
    alone.add("--disable-userns --die-with-parent --new-session --cap-drop ALL --hostname sandbox --clearenv");
    alone.add("--ro-bind");
    alone.words.extend([tree.path().to_string_lossy().into_owned(), "/".to_owned()]);
    alone.file("/etc/passwd", b"sandbox:x:200001:200001::/work:/bin/bash\n")?;
    alone.file("/etc/group", b"sandbox:x:200001:\n")?;
    alone.add("--proc /proc");
    alone.bind_what_is_there(&["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]);
    for path in there(&["/proc/acpi", "/proc/asound", "/proc/scsi"]) {
        alone.add(&format!("--size 4096 --tmpfs {path} --remount-ro {path}"));
    }
    for path in there(&["/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/timer_list"]) {
        alone.file(path, b"")?;
    }
    alone.add("--dev /dev --perms 1777 --size 67108864 --tmpfs /dev/shm --remount-ro /dev");
    alone.add("--perms 1777 --size 67108864 --tmpfs /tmp --size 65536 --tmpfs /run --ro-bind /usr/bin/true /run/shim");
    alone.add("--remount-ro /run --bind");
    alone.words.push(workspace.to_string_lossy().into_owned());
    alone.add("/work --remount-ro / --chdir / -- /usr/bin/true");
    Ok(alone)
}

/// Words, and the files that they name by number.
#[derive(Default)]
struct Alone {
    words: Vec<String>,
    files: Vec<File>,
}

impl Alone {
    fn add(&mut self, words: &str) {
        self.words.extend(words.split(' ').map(str::to_owned));
    }

    fn bind_what_is_there(&mut self, paths: &[&'static str]) {
        there(paths).for_each(|path| self.add(&format!("--ro-bind {path} {path}")));
    }

    fn file(&mut self, path: &str, content: &[u8]) -> Result<()> {
        // Without close-on-exec: it is for bubblewrap.
        let mut file = File::from(rustix::fs::memfd_create("bench", MemfdFlags::empty())?);
        file.write_all(content)?;
        file.rewind()?;
        self.add(&format!("--ro-bind-data {} {path}", file.as_raw_fd()));
        self.files.push(file);
        Ok(())
    }

    fn start(self) -> Result<f64> {
        let mut command = Command::new(BWRAP);
        command.args(&self.words);
        spawned(as_user(&mut command))
    }
}

fn there(paths: &[&'static str]) -> impl Iterator<Item = &'static str> {
    paths.iter().copied().filter(|path| fs::exists(path).unwrap_or_default())
}

/// The user whose workloads they are, with nothing in the environment.
fn as_user(command: &mut Command) -> &mut Command {
    command.env_clear();
    if rustix::process::geteuid().is_root() { command.uid(USER).gid(USER) } else { command }
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

/// The median; sorts.
pub(crate) fn middle(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
