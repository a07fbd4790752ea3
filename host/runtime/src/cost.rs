//! What calls took of their limits: for the author who measures a component, never for a gateway that serves.

use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::engine::Counting;

/// What one call took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// WebAssembly instructions in the guest; 0 where they are not counted.
    pub instructions: u64,
    /// Time on a processor, guest and host together; counting instructions adds to it.
    pub cpu: Duration,
    /// Linear memory at its largest.
    pub memory_bytes: usize,
    /// Calls into the host.
    pub host_calls: u64,
    /// The answer's size; 0 without one.
    pub result_bytes: usize,
    /// Lines in the log.
    pub log_lines: u32,
    /// From the instance's start to its answer; counting instructions slows it.
    pub took: Duration,
}

/// The costs of all calls since they were last taken.
#[derive(Debug)]
pub struct CostLog {
    counting: Counting,
    costs: Mutex<Vec<Cost>>,
}

impl CostLog {
    /// Where a gateway has this, its engine counts instructions.
    #[must_use]
    pub fn with_instructions() -> Self {
        Self { counting: Counting::Instructions, costs: Mutex::default() }
    }

    /// Where a gateway has this, its engine is the one that serves.
    #[must_use]
    pub fn without_instructions() -> Self {
        Self { counting: Counting::Off, costs: Mutex::default() }
    }

    pub(crate) fn counting(&self) -> Counting {
        self.counting
    }

    pub(crate) fn push(&self, cost: Cost) {
        self.costs.lock().unwrap_or_else(PoisonError::into_inner).push(cost);
    }

    /// Those of the calls that ended, oldest first.
    pub fn take(&self) -> Vec<Cost> {
        mem::take(&mut *self.costs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
