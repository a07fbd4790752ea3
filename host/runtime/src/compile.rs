//! Turns a component file into code.
//!
//! What the operator brings is compiled by the gateway itself. What a tenant
//! brings is compiled by a process of its own (`apart.rs`), which is killed when
//! it takes too long: there is no other way to end a compilation.

pub(crate) mod apart;
mod turns;

use std::{
    io,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use openclaw_config::gateway::CompileLimits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};
use wasmtime::Engine;

use crate::{LoadError, engine::Counting};
use apart::{Order, REASON_BYTES, REFUSED};

pub(crate) use turns::{Client, Turns};

/// The most bytes of one component's code.
pub(crate) const CODE_BYTES_MAX: usize = 256 << 20;

/// How many components of tenants are compiled at once, each on one thread; so many are tried out as well.
pub(crate) const OF_TENANTS: usize = 2;

/// The process may wait for a processor so many times as long as it may have one.
const WAITING_FACTOR: u32 = 4;

/// How components are compiled.
#[derive(Clone, Debug)]
pub struct Compiling {
    /// The program that compiles what tenants bring, when it is started with [`COMPILE_VERB`](crate::COMPILE_VERB);
    /// none: the gateway does it all itself, without a limit, as for a trial of a file that one has made.
    pub apart: Option<PathBuf>,
    /// What such a process may take, and how much code is kept.
    pub limits: CompileLimits,
}

/// Compiles.
pub(crate) struct Compiler {
    compiling: Compiling,
    counting: Counting,
}

impl Compiler {
    pub(crate) fn new(compiling: Compiling, counting: Counting) -> Self {
        Self { compiling, counting }
    }

    /// Off the threads that answer calls. `engine` is one that will run it.
    pub(crate) async fn compile(&self, engine: &Engine, wasm: &[u8], client: &Client) -> Result<Vec<u8>, LoadError> {
        match (&self.compiling.apart, client) {
            (Some(program), Client::Installer(_) | Client::Caller(_)) => self.apart(program, wasm).await,
            (None, _) | (_, Client::Operator) => {
                let (engine, wasm) = (engine.clone(), wasm.to_vec());
                tokio::task::spawn_blocking(move || engine.precompile_component(&wasm).map_err(LoadError::invalid))
                    .await
                    .map_err(|error| LoadError::Internal(error.to_string()))?
            }
        }
    }

    async fn apart(&self, program: &Path, wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
        let CompileLimits { cpu_seconds, memory_mb, .. } = self.compiling.limits;
        let memory_bytes = u64::from(memory_mb) << 20;
        let order = Order { cpu_seconds: cpu_seconds.into(), memory_bytes, counting: self.counting };
        let mut child = Command::new(program)
            .args(order.arguments())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(LoadError::Compiler)?;
        let most = Duration::from_secs(u64::from(cpu_seconds)) * WAITING_FACTOR;
        let Ok(ended) = tokio::time::timeout(most, converse(&mut child, wasm)).await else {
            // The turn is over when the process is.
            child.kill().await.map_err(LoadError::Compiler)?;
            return Err(LoadError::Slow { seconds: cpu_seconds });
        };
        let ended = ended.map_err(LoadError::Compiler)?;
        ended.code(cpu_seconds, memory_mb)
    }
}

/// A process that has ended, and what it said.
struct Ended {
    status: ExitStatus,
    code: Vec<u8>,
    reason: Vec<u8>,
}

async fn converse(child: &mut Child, wasm: &[u8]) -> io::Result<Ended> {
    let missing = || io::Error::other("a pipe is missing");
    let mut input = child.stdin.take().ok_or_else(missing)?;
    let output = child.stdout.take().ok_or_else(missing)?;
    let errors = child.stderr.take().ok_or_else(missing)?;
    let (mut code, mut reason) = (Vec::new(), Vec::new());
    let feed = async {
        // What ended before it had read all tells why itself.
        let _ = input.write_all(&(wasm.len() as u64).to_le_bytes()).await;
        let _ = input.write_all(wasm).await;
    };
    let mut output = output.take(CODE_BYTES_MAX as u64);
    let mut errors = errors.take(REASON_BYTES as u64);
    let ((), read, told, status) =
        tokio::join!(feed, output.read_to_end(&mut code), errors.read_to_end(&mut reason), child.wait());
    read?;
    told?;
    // Only now: the process ends with it.
    drop(input);
    Ok(Ended { status: status?, code, reason })
}

impl Ended {
    fn code(self, seconds: u32, memory_mb: u32) -> Result<Vec<u8>, LoadError> {
        const CPU_TIME_OVER: i32 = 24;
        let reason = String::from_utf8_lossy(&self.reason).replace('\n', " ");
        match (self.status.code(), self.status.signal()) {
            (Some(0), _) => Ok(self.code),
            (Some(code), _) if code == i32::from(REFUSED) => Err(LoadError::Invalid(reason)),
            (_, Some(CPU_TIME_OVER)) => Err(LoadError::Slow { seconds }),
            // Out of memory, Rust ends by a signal; the stack is a part of it.
            (None, _) => {
                tracing::info!(status = %self.status, reason, "a component's compilation was ended");
                Err(LoadError::Large { mib: memory_mb })
            }
            (Some(_), _) => Err(LoadError::Compiler(io::Error::other(reason))),
        }
    }
}
