//! Workloads of the tenant: a command with its input, run in the tenant's sandbox to its end.
//!
//! `run` is the method with its parameters and results, `text` fits what a workload wrote into them, and `info` is what
//! there is to run it by.

mod info;
mod run;
mod text;

/// Runs commands in the tenant's sandbox: its workspace at /work, a read-only system, nothing else.
#[openclaw_sdk::handler(family = "sandbox")]
mod handler {
    /// Runs a command and waits for its end; how it ended is in the reason.
    #[method(scope = write, tier = companion, timeout_ms = 86_400_000)]
    use crate::run::run;

    /// The modes there are, how well each keeps its limits, and the most that a workload gets.
    #[method(scope = read, tier = companion, timeout_ms = 120_000)]
    use crate::info::info;
}

#[cfg(test)]
mod tests;
