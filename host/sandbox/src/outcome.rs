//! How a workload ended.

use std::time::Duration;

use serde::Serialize;

use crate::Mode;

/// How a workload ended, and what it wrote.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub reason: Reason,
    /// None where a signal or a limit ended it.
    pub exit_code: Option<i32>,
    /// By the shells' convention: the command's status was 128 and the signal's number.
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// More was written than `Limits::output_bytes`.
    pub truncated: bool,
    pub usage: Usage,
    pub mode: Mode,
    /// Why it failed to start.
    pub message: Option<String>,
}

/// Why a workload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The command ended, by itself or by a signal from inside.
    Exit,
    Timeout,
    /// The kernel counted an out-of-memory kill, or the memory was seen at its limit.
    Oom,
    OutputLimit,
    /// It failed after a process more than allowed was refused to it.
    Pids,
    /// We were asked to.
    Killed,
    #[serde(rename = "failed-to-start")]
    FailedToStart,
}

impl Reason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Timeout => "timeout",
            Self::Oom => "oom",
            Self::OutputLimit => "output_limit",
            Self::Pids => "pids",
            Self::Killed => "killed",
            Self::FailedToStart => "failed-to-start",
        }
    }
}

/// What a workload used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub cpu: Duration,
    pub peak_memory_bytes: u64,
    pub wall: Duration,
}
