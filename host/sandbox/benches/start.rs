//! What a start costs: `cargo bench -p openclaw-sandbox`. Milliseconds from spawn to exit of `true`; compare within one
//! run.
//!
//! `fork+exec` has no sandbox; `cold` makes one, `warm` takes one that is ready. As root the workload runs as a user of
//! its own.
#![allow(clippy::print_stdout, reason = "a bench prints its table")]
#![allow(clippy::disallowed_methods, reason = "the bench's own files")]

use std::fs::{self, File};
use std::num::NonZeroU32;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_sandbox::{Backend, Bwrap, BwrapOptions, Reaper, Reason, Tenant, TenantUser, Workload};

const ROUNDS: usize = 60;
const CROWDS: [usize; 3] = [1, 4, 16];

#[tokio::main]
async fn main() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("sandbox");
    let reaper = Reaper::start(&directory).unwrap();
    let open = |pool| {
        let (directory, reaper) = (directory.clone(), reaper.clone());
        let program = "/usr/bin/bwrap".into();
        Bwrap::open(BwrapOptions { program, directory, tree: None, strict: false, pool, reaper }).unwrap()
    };
    let (backend, pooled) = (open(0), open(1));
    let tenant = tenant(home.path());

    let (mut bare, mut cold, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        assert!(Command::new("/bin/true").status().unwrap().success());
        bare.push(started.elapsed());
        pooled.warm(&tenant).await;
        warm.push(run(&pooled, &tenant).await);
        cold.push(run(&backend, &tenant).await);
    }
    println!("{:<10} {:>8} {:>8} {:>8}   of fork+exec", "ms", "min", "p50", "p90");
    let base = report("fork+exec", &mut bare, None);
    report("cold", &mut cold, Some(base));
    report("warm", &mut warm, Some(base));

    for crowd in CROWDS {
        let started = Instant::now();
        for _ in 0..ROUNDS.div_ceil(crowd) {
            let runs = (0..crowd).map(|_| run(&backend, &tenant));
            futures_util::future::join_all(runs).await;
        }
        let starts = ROUNDS.div_ceil(crowd) * crowd;
        println!("{crowd:>2} at once: {:.0} starts/s", starts as f64 / started.elapsed().as_secs_f64());
    }
}

fn tenant(home: &std::path::Path) -> Tenant {
    let workspace = home.join("work");
    fs::create_dir(&workspace).unwrap();
    let own = NonZeroU32::new(200_001).filter(|_| rustix::process::geteuid().is_root());
    if let Some(uid) = own {
        std::os::unix::fs::chown(&workspace, Some(uid.get()), Some(uid.get())).unwrap();
    }
    let workspace = Arc::new(File::open(workspace).unwrap().into());
    let user = own.map_or(TenantUser::Gateway, TenantUser::Own);
    Tenant { id: "bench".to_owned(), user, workspace, read_only: false }
}

async fn run(backend: &Bwrap, tenant: &Tenant) -> Duration {
    let workload = Workload::new("true", [""; 0]);
    let started = Instant::now();
    let outcome = backend.run(tenant, workload).await.unwrap();
    assert_eq!((outcome.reason, outcome.exit_code), (Reason::Exit, Some(0)), "{:?}", outcome.message);
    started.elapsed()
}

/// Answers the median.
fn report(name: &str, times: &mut [Duration], base: Option<f64>) -> f64 {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    let ratio = base.map(|base| format!("{:.1} x", at(0.5) / base)).unwrap_or_default();
    println!("{name:<10} {:>8.1} {:>8.1} {:>8.1}   {ratio}", at(0.0), at(0.5), at(0.9));
    at(0.5)
}
