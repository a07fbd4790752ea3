//! Running a command in the tenant's sandbox.

#![allow(clippy::disallowed_methods, reason = "JSON of the host")]

use crate::bindings::openclaw::gateway::sandbox as raw;
use crate::{Call, Result};
use serde::de::DeserializeOwned;

pub use raw::{Limits, Outcome, ResourceUsage, Workload};

/// The tenant's sandbox: its workspace at `/work` and a read-only system.
pub struct Sandbox(raw::Runner);

impl Call {
    /// Opens the tenant's sandbox.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn sandbox(&self) -> Result<Sandbox> {
        raw::open(self).map(Sandbox)
    }
}

impl Workload {
    /// A command with the configured mode and limits, no input and an empty
    /// environment; what is to be different is a field.
    #[must_use]
    pub fn new<I: IntoIterator<Item: Into<String>>>(command: I) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            working_directory: String::new(),
            stdin: Vec::new(),
            mode: String::new(),
            limits: Limits { wall_ms: 0, output_bytes: 0, memory_bytes: 0, pids: 0, cpu_millis: 0 },
        }
    }
}

impl Outcome {
    /// Whether the command ended by itself, with exit code 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.reason == "exit" && self.exit_code == Some(0)
    }
}

impl Sandbox {
    /// Runs a command and waits for its end, which a limit may bring about: see
    /// [`Outcome::reason`].
    ///
    /// # Errors
    /// FORBIDDEN (the mode or a limit is not granted), QUOTA_EXCEEDED,
    /// UNAVAILABLE (the mode is not there on this machine).
    pub fn run(&self, workload: &Workload) -> Result<Outcome> {
        self.0.run(workload)
    }

    /// As [`Sandbox::run`], for an agent of the tenant and one of its sessions: the mode that the configuration has
    /// for the agent counts too.
    ///
    /// # Errors
    /// As [`Sandbox::run`]; INVALID_REQUEST for a name of more than 512 bytes.
    pub fn run_for(&self, workload: &Workload, agent: &str, session: &str) -> Result<Outcome> {
        self.0.run_for(workload, agent, session)
    }

    /// The modes there are, and for each limit whether it is `enforced`,
    /// `approximated` or `unavailable`.
    ///
    /// # Errors
    /// UNAVAILABLE, INTERNAL (the type does not fit).
    pub fn info<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.0.info()?)?)
    }
}
