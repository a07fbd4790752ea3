//! What calls took of their limits: for the author who measures a component, never for a gateway that serves.

use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// What one call took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// WebAssembly instructions in the guest.
    pub instructions: u64,
    /// Linear memory at its largest.
    pub memory_bytes: usize,
    /// Calls into the host.
    pub host_calls: u64,
    /// Lines in the log.
    pub log_lines: u32,
    /// From the instance's start to its answer; counting instructions slows it.
    pub took: Duration,
}

/// The costs of all calls since they were last taken. Where a gateway has one, its engine counts instructions.
#[derive(Debug, Default)]
pub struct CostLog(Mutex<Vec<Cost>>);

impl CostLog {
    pub(crate) fn push(&self, cost: Cost) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(cost);
    }

    /// Those of the calls that ended, oldest first.
    pub fn take(&self) -> Vec<Cost> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
