//! What a call asks for, and the workload that it gets.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use openclaw_config::gateway::{Network as ConfiguredNetwork, Sandbox};
use openclaw_sandbox::{
    InvalidWorkload, Network, Size, WorkPath, Workload,
    egress::{AllowList, Attempt, Policy, Telling},
};
use openclaw_tenancy::TenantRecord;

use super::{
    OutputEvent,
    attempts::Attempts,
    terms::{AskedLimits, Floor, Most},
};
use crate::{call::CallState, error::CapabilityError};

/// What a call keeps of its time for its own answer.
const FOR_THE_ANSWER: Duration = Duration::from_millis(250);

/// The name of an agent or of a session.
const NAME_BYTES: usize = 512;

/// A workload as a call asks for it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) command: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) working_directory: String,
    pub(crate) stdin: Vec<u8>,
    /// Empty for the configured one.
    pub(crate) mode: String,
    pub(crate) limits: AskedLimits,
    pub(crate) on_behalf_of: OnBehalfOf,
}

/// Whose work it is within the tenant, as the component says; empty where it is no agent's.
#[derive(Clone, Debug, Default)]
pub(crate) struct OnBehalfOf {
    pub(crate) agent: String,
    pub(crate) session: String,
}

/// A terminal as a call asks for it.
#[derive(Debug)]
pub(crate) struct AskedTerminal {
    /// Empty for a shell.
    pub(crate) command: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) working_directory: String,
    pub(crate) mode: String,
    pub(crate) size: Size,
    /// How its output is told.
    pub(crate) event: OutputEvent,
    /// The component's own, which stays with it.
    pub(crate) note: String,
    pub(crate) on_behalf_of: OnBehalfOf,
}

impl OnBehalfOf {
    /// Refuses names that are too long to be kept.
    fn check(&self) -> Result<(), CapabilityError> {
        if self.agent.len().max(self.session.len()) <= NAME_BYTES {
            return Ok(());
        }
        Err(CapabilityError::invalid(format!("the names of an agent and a session have at most {NAME_BYTES} bytes")))
    }
}

impl CallState {
    pub(super) fn attempts(&self, record: &TenantRecord) -> Result<Arc<Attempts>, CapabilityError> {
        let actor = self.call()?.caller.actor.clone();
        Ok(Attempts::of(&self.services, actor, record))
    }

    pub(super) fn workload(
        &mut self,
        asked: Asked,
        config: &Sandbox,
        record: &TenantRecord,
        attempts: &Arc<Attempts>,
    ) -> Result<Workload, CapabilityError> {
        let most = self.most_of_workloads(config, record)?;
        let mut limits = most.limits(asked.limits)?;
        let left = self.deadline.saturating_duration_since(Instant::now());
        limits.wall = limits.wall.min(left.saturating_sub(FOR_THE_ANSWER));
        let mut words = asked.command.into_iter();
        let command = words.next().unwrap_or_default();
        let invalid = |error: InvalidWorkload| CapabilityError::invalid(error.to_string());
        let cwd = WorkPath::parse(&asked.working_directory).map_err(invalid)?;
        let network = match config.network {
            ConfiguredNetwork::None => Network::None,
            ConfiguredNetwork::Allowlist => Network::Allowlist(egress(config, attempts.clone())?),
        };
        let (env, stdin) = (asked.environment, asked.stdin);
        Ok(Workload { env, cwd, stdin, network, limits, ..Workload::new(command, words) })
    }

    /// The least strict mode that the configuration leaves to this call.
    pub(super) fn floor(&mut self, config: &Sandbox, on_behalf_of: &OnBehalfOf) -> Result<Floor, CapabilityError> {
        on_behalf_of.check()?;
        Ok(Floor::of(config, &self.config()?.config, &on_behalf_of.agent))
    }

    /// The most that a workload of this call's tenant gets.
    pub(super) fn most_of_workloads(
        &mut self,
        config: &Sandbox,
        record: &TenantRecord,
    ) -> Result<Most, CapabilityError> {
        Ok(Most::of(config, &self.config()?.config, &record.quotas))
    }
}

fn egress(config: &Sandbox, attempts: Arc<Attempts>) -> Result<Arc<Policy>, CapabilityError> {
    let allow = AllowList::parse(config.allow.iter().map(String::as_str));
    let allow = allow.map_err(|error| CapabilityError::internal(format!("sandbox.allow: {error}")))?;
    let audit = Box::new(move |attempt: Attempt| -> Telling {
        let telling = attempts.clone().record(attempt);
        // What is not written is in the gateway's log.
        Box::pin(async {
            let _ = telling.await;
        })
    });
    Ok(Arc::new(Policy { allow, private: Vec::new(), audit }))
}
