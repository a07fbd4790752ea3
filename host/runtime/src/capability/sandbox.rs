//! `sandbox`: workloads of the calling tenant.

use openclaw_sandbox::Outcome;
use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{
    bindings::openclaw::gateway::sandbox,
    call::CallState,
    capability::calls::Call,
    sandboxes::{Asked, AskedLimits, OnBehalfOf},
};

/// The calling tenant's sandbox.
#[derive(Debug)]
pub struct Runner;

impl sandbox::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Runner>, CapabilityError> {
        self.granted("sandbox")?;
        self.tenant()?;
        Ok(self.table.push(Runner)?)
    }
}

impl sandbox::HostRunner for CallState {
    async fn run(
        &mut self,
        _runner: Resource<Runner>,
        workload: sandbox::Workload,
    ) -> Result<sandbox::Outcome, CapabilityError> {
        Ok(self.run_workload(asked(workload, OnBehalfOf::default())).await?.into())
    }

    async fn run_for(
        &mut self,
        _runner: Resource<Runner>,
        workload: sandbox::Workload,
        agent: String,
        session: String,
    ) -> Result<sandbox::Outcome, CapabilityError> {
        Ok(self.run_workload(asked(workload, OnBehalfOf { agent, session })).await?.into())
    }

    async fn info(&mut self, _runner: Resource<Runner>) -> Result<Vec<u8>, CapabilityError> {
        self.describe_sandbox().await
    }

    async fn drop(&mut self, runner: Resource<Runner>) -> wasmtime::Result<()> {
        self.table.delete(runner)?;
        Ok(())
    }
}

fn asked(workload: sandbox::Workload, on_behalf_of: OnBehalfOf) -> Asked {
    let limits = AskedLimits {
        wall_ms: workload.limits.wall_ms.into(),
        output_bytes: workload.limits.output_bytes,
        memory_bytes: workload.limits.memory_bytes,
        pids: workload.limits.pids.into(),
        cpu_millis: workload.limits.cpu_millis.into(),
    };
    Asked {
        command: workload.command,
        environment: workload.environment,
        working_directory: workload.working_directory,
        stdin: workload.stdin,
        mode: workload.mode,
        limits,
        on_behalf_of,
    }
}

impl From<Outcome> for sandbox::Outcome {
    fn from(outcome: Outcome) -> Self {
        let milliseconds = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            exit_code: outcome.exit_code,
            signal: outcome.signal,
            // As `wit/` spells it.
            reason: outcome.reason.as_str().replace('_', "-"),
            stdout: outcome.stdout,
            stderr: outcome.stderr,
            truncated: outcome.truncated,
            usage: sandbox::ResourceUsage {
                cpu_ms: milliseconds(outcome.usage.cpu),
                peak_memory_bytes: outcome.usage.peak_memory_bytes,
                wall_ms: milliseconds(outcome.usage.wall),
            },
            mode: outcome.mode.as_str().into(),
        }
    }
}
