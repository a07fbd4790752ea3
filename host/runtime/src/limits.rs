//! What one call may use, and the name of the limit that it broke.

use std::{fmt, time::Duration};

use openclaw_config::gateway::CallLimits;
use wasmtime::ResourceLimiter;

use crate::heavy::Growth;

/// The limits of one call, from `components.limits`, where their defaults are.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Linear memory of an instance.
    pub memory_bytes: usize,
    /// Processor time in the guest; waiting in the host does not count.
    pub cpu: Duration,
    /// From the start of the call to its answer.
    pub wall: Duration,
    /// The most that a method's own `timeoutMs` may ask for.
    pub max_wall: Duration,
    /// The guest's call stack.
    pub stack_bytes: usize,
    /// Elements of each table.
    pub table_elements: usize,
    /// Tables of a component.
    pub tables: u32,
    /// Core instances of a component.
    pub core_instances: u32,
    /// Calls from the guest into the host.
    pub host_calls: u64,
    /// Bytes that one call into the host may carry.
    pub host_call_bytes: usize,
    /// Bytes of the answer.
    pub result_bytes: usize,
    /// Lines in the log.
    pub log_lines: u32,
    /// Open handles (documents, directories, …) at once.
    pub handles: usize,
}

/// The kinds of room that there are for instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// For what compiles to plain WebAssembly: thousands of calls a second.
    Small,
    /// For what brings its language's engine along, as JavaScript and Python do.
    Large,
}

impl Pool {
    /// How many instances there can be at once.
    pub(crate) const fn slots(self) -> u32 {
        match self {
            Self::Small => 512,
            Self::Large => 64,
        }
    }
}

/// Open handles (documents, directories, …) of one call at once.
const HANDLES: usize = 256;

/// How deep calls may nest: the client's own is none of these.
pub(crate) const DEPTH: u8 = 4;

/// A component linked by wasm-component-ld is 3 core modules in 4 instances with 2 tables.
const TABLES: u32 = 2;

impl Limits {
    /// What an instance of this pool may take. The configuration sets the small one's; the large
    /// one has what the engines of JavaScript and Python need, or the configuration's where that is more.
    #[must_use]
    pub fn in_pool(&self, pool: Pool) -> Self {
        match pool {
            Pool::Small => self.clone(),
            Pool::Large => Self {
                memory_bytes: self.memory_bytes.max(256 << 20),
                table_elements: self.table_elements.max(65_536),
                tables: self.tables.max(16),
                core_instances: self.core_instances.max(64),
                ..self.clone()
            },
        }
    }
}

impl From<&CallLimits> for Limits {
    fn from(limits: &CallLimits) -> Self {
        let bytes = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Self {
            memory_bytes: (limits.memory_mb as usize) << 20,
            cpu: Duration::from_millis(limits.cpu_ms),
            wall: Duration::from_millis(limits.wall_ms),
            max_wall: Duration::from_millis(limits.max_wall_ms),
            stack_bytes: (limits.stack_kb as usize) << 10,
            table_elements: limits.table_elements as usize,
            tables: TABLES,
            core_instances: limits.instances,
            host_calls: limits.host_calls,
            host_call_bytes: bytes(limits.host_call_bytes),
            result_bytes: bytes(limits.result_bytes),
            log_lines: limits.log_lines,
            handles: HANDLES,
        }
    }
}

/// The limit that ended a call, by the name that the client sees in `error.data.limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Processor or wall time.
    Time,
    /// Linear memory or tables.
    Memory,
    /// The call stack.
    Stack,
    /// The size of the answer.
    ResultSize,
    /// The number of calls into the host, or the bytes of one.
    HostCalls,
    /// Calls of methods inside calls of methods.
    Depth,
}

impl Limit {
    /// The wire name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::ResultSize => "result-size",
            Self::HostCalls => "host-calls",
            Self::Depth => "depth",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Limit {}

/// Watches one instance's memory and tables grow.
///
/// A guest that is refused memory aborts in its own way; `refused` tells
/// afterwards that memory was the reason.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    memory_bytes: usize,
    table_elements: usize,
    pub(crate) peak_bytes: usize,
    pub(crate) refused: bool,
    /// Whom it is told to; none where no tenant called.
    growth: Option<Growth>,
}

impl MemoryBudget {
    /// `granted`: what the binding's grants say of memory, which counts up to the limit.
    pub(crate) fn new(limits: &Limits, granted: Option<usize>, growth: Option<Growth>) -> Self {
        let memory_bytes = granted.unwrap_or(limits.memory_bytes).min(limits.memory_bytes);
        Self { memory_bytes, table_elements: limits.table_elements, peak_bytes: 0, refused: false, growth }
    }

    /// For the next call of the same instance.
    pub(crate) fn renewed(self) -> Self {
        Self { refused: false, ..self }
    }
}

impl ResourceLimiter for MemoryBudget {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired <= self.memory_bytes;
        if fits {
            self.peak_bytes = self.peak_bytes.max(desired);
            if let Some(growth) = &mut self.growth {
                growth.to(desired);
            }
        }
        self.refused |= !fits;
        Ok(fits)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired <= self.table_elements;
        self.refused |= !fits;
        Ok(fits)
    }
}
