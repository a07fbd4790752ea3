//! One of the two processes: makes calls as it is told, line by line.

use std::{
    io::BufRead,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use openclaw_config::gateway::{CallLimits, CompileLimits, Components};
use openclaw_runtime::{
    CallFacts, Caller, CodeCache, Compiling, Limits, Params, Policy, Runtime, RuntimeSettings, Scope, Services, Subject,
};
use openclaw_tenancy::{Actor, HomeLock, TenantRecord};
use rustix::process::getpid;
use tokio::runtime::Handle;

use super::{ECHOES, Latencies, METHODS, Order, Rotation, TENANT};
use crate::{
    bare::{Answers, Bare},
    services,
    stats::Latency,
};

pub(super) const RUNTIME: &str = "runtime";
pub(super) const BARE: &str = "bare";

/// Whichever is measured.
enum Subjects {
    Runtime { runtime: Box<Runtime>, tenant: Arc<TenantRecord>, caller: Caller, _lock: HomeLock },
    Bare(Bare),
}

/// The process.
pub(crate) fn main(arguments: &[String]) -> Result<()> {
    let [kind, components, home] = arguments else { bail!("engine KIND COMPONENTS HOME") };
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(super::THREADS).enable_all().build()?;
    let subject = Arc::new(tokio.block_on(async {
        match kind.as_str() {
            RUNTIME => with_runtime(Path::new(components), Path::new(home)).await,
            BARE => bare(Path::new(components), Path::new(home)).await,
            other => bail!("no engine {other}"),
        }
    })?);
    for line in std::io::stdin().lock().lines() {
        let subject = subject.clone();
        let answer = match serde_json::from_str(&line?)? {
            Order::Latency(time, rotation) => {
                serde_json::to_string(&tokio.block_on(tokio.spawn(latency(subject, time, rotation)))??)?
            }
            Order::Throughput(time, threads) => throughput(tokio.handle(), &subject, time, threads)?.to_string(),
            Order::Steady(calls) => tokio.block_on(tokio.spawn(steady(subject, calls)))??.to_string(),
        };
        println!("{answer}");
    }
    Ok(())
}

async fn with_runtime(components: &Path, home: &Path) -> Result<Subjects> {
    let (parts, control, lock) = services::open(home)?;
    let cache = CodeCache::new(parts.home.cache_path(), parts.secret_key.derive(b"code-cache"));
    let services = Services::new(parts);
    let builtin = wasm(components)?
        .into_iter()
        .map(|(family, wasm)| (family, &*Box::leak(wasm.into_boxed_slice())))
        .collect::<Vec<(&'static str, &'static [u8])>>();
    let settings = RuntimeSettings {
        limits: Limits::from(&CallLimits::default()),
        validate_results: Default::default(),
        cache,
        compiling: Compiling { apart: None, limits: CompileLimits::default() },
        builtin,
        load: Vec::new(),
        policy: Policy::read(&Components::default())?,
        control,
    };
    let runtime = Runtime::start(settings, services.clone()).await?;
    let tenant = services.registry.get(&TENANT.parse()?).context("no such tenant")?;
    let caller = Caller { actor: Actor::Gateway, scopes: Arc::new([Scope::Read, Scope::Write]) };
    Ok(Subjects::Runtime { runtime: Box::new(runtime), tenant, caller, _lock: lock })
}

async fn bare(components: &Path, home: &Path) -> Result<Subjects> {
    let (parts, _, _lock) = services::open(home)?;
    let answers = Answers::read(&parts, &TENANT.parse()?).await?;
    Ok(Subjects::Bare(Bare::load(wasm(components)?, answers).map_err(wasmtime_error)?))
}

/// The families by name, the echo under each of its names.
fn wasm(components: &Path) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let mut wasm = Vec::new();
    for (family, _) in METHODS {
        wasm.push((family, std::fs::read(components.join(format!("{family}.wasm")))?));
    }
    let echo = std::fs::read(components.with_file_name("fixtures").join("echo.wasm"))?;
    for (family, _) in ECHOES {
        wasm.push((family, renamed(&echo, ECHOES[0].0.as_bytes(), family.as_bytes())));
    }
    Ok(wasm)
}

/// A component with other letters, of the same number, wherever a name stands in it.
fn renamed(wasm: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut renamed = wasm.to_vec();
    for at in 0..=wasm.len().saturating_sub(from.len()) {
        if wasm[at..].starts_with(from) {
            renamed[at..at + to.len()].copy_from_slice(to);
        }
    }
    renamed
}

impl Subjects {
    async fn call(&self, rotation: Rotation, turn: usize) -> Result<()> {
        let methods = rotation.methods();
        let (family, method) = methods[turn % methods.len()];
        match self {
            Self::Bare(bare) => {
                bare.call(family, method, rotation.params().as_bytes()).await.map(drop).map_err(wasmtime_error)
            }
            Self::Runtime { runtime, tenant, caller, .. } => {
                let route = runtime.route(Some(&tenant.id), method).await?.context("no such method")?;
                let facts = CallFacts {
                    method: method.into(),
                    subject: Subject::Tenant(tenant.clone()),
                    caller: caller.clone(),
                    request_id: "bench".into(),
                    trace: None,
                };
                let raw = rotation.params().as_bytes().to_vec();
                let params = Params { value: openclaw_config::json::read(&raw, 64)?, raw };
                runtime.call(&route, facts, params).await.map(drop).with_context(|| method)
            }
        }
    }
}

/// wasmtime's errors are of a type of their own.
fn wasmtime_error(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

async fn latency(subject: Arc<Subjects>, time: Duration, rotation: Rotation) -> Result<Latencies> {
    let methods = rotation.methods();
    let mut samples = vec![Vec::new(); methods.len()];
    let end = Instant::now() + time;
    let mut place = 0;
    while Instant::now() < end {
        let started = Instant::now();
        subject.call(rotation, place).await?;
        samples[place].push(u64::try_from(started.elapsed().as_nanos())?);
        place = (place + 1) % methods.len();
    }
    Ok(Latencies {
        all: Latency::of(samples.concat()),
        methods: methods
            .iter()
            .zip(samples)
            .map(|((_, method), samples)| ((*method).to_owned(), Latency::of(samples).p50))
            .collect(),
    })
}

/// On threads of their own: tasks that wait for each other end up on one worker.
fn throughput(tokio: &Handle, subject: &Arc<Subjects>, time: Duration, threads: usize) -> Result<f64> {
    let end = Instant::now() + time;
    let calls = |first: usize| {
        let (tokio, subject) = (tokio.clone(), subject.clone());
        thread::spawn(move || {
            tokio.block_on(async {
                let mut calls = 0_usize;
                while Instant::now() < end {
                    subject.call(Rotation::Echoes, first + calls).await?;
                    calls += 1;
                }
                anyhow::Ok(calls)
            })
        })
    };
    let threads: Vec<_> = (0..threads).map(calls).collect();
    let mut calls = 0;
    for thread in threads {
        calls += thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    }
    Ok(calls as f64 / time.as_secs_f64())
}

async fn steady(subject: Arc<Subjects>, calls: u64) -> Result<f64> {
    let before = minor_faults()?;
    for call in 0..calls {
        subject.call(Rotation::Echoes, usize::try_from(call)?).await?;
    }
    Ok((minor_faults()? - before) as f64 / calls as f64)
}

/// Of all threads of this process so far.
fn minor_faults() -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", getpid().as_raw_nonzero()))?;
    let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
    after_name.split(' ').nth(7).and_then(|faults| faults.parse().ok()).context("no minor faults")
}
