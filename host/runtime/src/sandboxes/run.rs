//! One workload, for the length of the call that wants it.
//!
//! It runs in a task of its own, which sees it to its end whatever becomes of the call: only then its place is free,
//! its seconds are charged and what it wrote is looked at.

use std::{
    collections::HashSet,
    num::NonZeroU32,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use openclaw_billing::{Caller as BilledCaller, Limits as BilledLimits, ReserveError, SandboxReservation};
use openclaw_config::gateway::{Network as ConfiguredNetwork, Sandbox};
use openclaw_sandbox::{
    Backend, Error, InvalidWorkload, Mode, Network, Outcome, Reason, Session, Size, Tenant, TenantUser, WorkPath,
    Workload,
    egress::{AllowList, Attempt, Policy},
};
use openclaw_tenancy::{Actor, Audit, AuditEvent, NAME_BYTES, TenantId, TenantRecord};
use serde_json::json;
use tokio::sync::oneshot;

use super::{
    Place, Terminal,
    terminals::{self, Attended},
    terms::{self, AskedLimits, Most},
};
use crate::{
    call::CallState,
    capability::{CapabilityError, QUOTA_EXCEEDED},
    grants::Grants,
    services::Services,
};

/// The users of tenants' workloads have these numbers and those after.
const FIRST_USER: u32 = 200_000;

/// What a call keeps of its time for its own answer.
const FOR_THE_ANSWER: Duration = Duration::from_millis(250);

/// What runs in a terminal of which nobody says what.
const SHELL: &str = "/bin/bash";

/// Who uses a terminal for longer opens another.
const LONGEST_TERMINAL: Duration = Duration::from_secs(24 * 60 * 60);

/// How often a workload's tenant is measured, where its disk is limited.
const DISK_LOOKS: Duration = Duration::from_secs(2);

/// Different attempts to reach something that one workload has in the audit log, which is nobody's to fill.
const ATTEMPTS: usize = 1000;

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
}

/// A workload that is about to begin, and all that it holds until it has ended.
struct Running {
    services: Arc<Services>,
    record: Arc<TenantRecord>,
    tenant: Tenant,
    backend: Arc<dyn Backend>,
    reservation: SandboxReservation,
    _place: Place,
}

impl CallState {
    /// Runs a workload of this call's tenant. It is ended when the call is.
    pub(crate) async fn run_workload(&mut self, asked: Asked) -> Result<Outcome, CapabilityError> {
        let record = self.tenant()?.clone();
        let config = self.services.sandboxes.config();
        let mode = terms::mode(&config, &asked.mode, &self.grants)?;
        let workload = self.workload(asked, &config, &record)?;
        self.room_for(NAME_BYTES).await?.settle(0);
        let place = self.services.sandboxes.enter(record.row, config.concurrent_per_tenant)?;
        let backend = self.services.backend(mode, &config).await?;
        let tenant = self.services.sandbox_tenant(&record, &config).await?;
        let reservation = self.reserve_seconds(&record, workload.limits.wall).await?;
        let services = self.services.clone();
        let running = Running { services, record, tenant, backend, reservation, _place: place };
        // Closed when this call is dropped: nobody waits any more.
        let (_waits, gone) = oneshot::channel();
        let outcome = tokio::spawn(running.see_to_its_end(workload, gone)).await.map_err(CapabilityError::internal)?;
        outcome.map_err(|error| explained(error, mode))
    }

    /// Begins a terminal of this call's tenant, which outlives the call.
    pub(crate) async fn spawn_terminal(&mut self, asked: AskedTerminal) -> Result<Arc<Terminal>, CapabilityError> {
        let record = self.tenant()?.clone();
        let config = self.services.sandboxes.config();
        // The grant of `pty` is of terminals, however they are confined.
        let mode = terms::mode(&config, &asked.mode, &Grants::Builtin)?;
        let AskedTerminal { mut command, environment, working_directory, size, .. } = asked;
        if command.is_empty() {
            command.push(SHELL.to_owned());
        }
        let limits = AskedLimits::default();
        let asked = Asked { command, environment, working_directory, stdin: Vec::new(), mode: String::new(), limits };
        let mut workload = self.workload(asked, &config, &record)?;
        (workload.pty, workload.limits.wall) = (Some(size), LONGEST_TERMINAL);
        self.room_for(NAME_BYTES).await?.settle(0);
        let backend = self.services.backend(mode, &config).await?;
        let tenant = self.services.sandbox_tenant(&record, &config).await?;
        let reservation = self.reserve_seconds(&record, terminals::STEP).await?;
        let session = backend.start(&tenant, workload).await.map_err(|error| explained(error, mode))?;
        let services = self.services.clone();
        let (terminal, session) =
            services.sandboxes.terminals.begin(session, &record, size, config.terminals_per_tenant)?;
        let idle = Duration::from_secs(config.terminal_idle_seconds);
        let attended = Attended { services, record, session, reservation, idle };
        tokio::spawn(terminal.clone().attend(attended));
        Ok(terminal)
    }

    fn workload(&mut self, asked: Asked, config: &Sandbox, record: &TenantRecord) -> Result<Workload, CapabilityError> {
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
            ConfiguredNetwork::Allowlist => Network::Allowlist(self.egress(config, record)?),
        };
        let (env, stdin) = (asked.environment, asked.stdin);
        Ok(Workload { env, cwd, stdin, network, limits, ..Workload::new(command, words) })
    }

    /// The most that a workload of this call's tenant gets.
    pub(super) fn most_of_workloads(
        &mut self,
        config: &Sandbox,
        record: &TenantRecord,
    ) -> Result<Most, CapabilityError> {
        Ok(Most::of(config, &self.config()?.config, &record.quotas))
    }

    fn egress(&self, config: &Sandbox, record: &TenantRecord) -> Result<Arc<Policy>, CapabilityError> {
        let allow = AllowList::parse(config.allow.iter().map(String::as_str));
        let allow = allow.map_err(|error| CapabilityError::internal(format!("sandbox.allow: {error}")))?;
        let actor = self.call()?.caller.actor.clone();
        let audit = told_once(self.services.audit.clone(), actor, record.id.clone());
        Ok(Arc::new(Policy { allow, private: Vec::new(), audit: Box::new(audit) }))
    }

    /// Sets aside the most seconds that the workload may take. The ledger counts the refusal.
    async fn reserve_seconds(
        &mut self,
        record: &TenantRecord,
        wall: Duration,
    ) -> Result<SandboxReservation, CapabilityError> {
        match self.services.reserve_seconds(record, wall).await {
            Ok(reservation) => Ok(reservation),
            Err(ReserveError::Refused(refusal)) => {
                let message = format!("{} is used up ({} {})", refusal.quota, refusal.limit, refusal.unit);
                self.over_quota = Some(refusal);
                Err(CapabilityError::new(QUOTA_EXCEEDED, message))
            }
            Err(error) => Err(CapabilityError::internal(error)),
        }
    }
}

impl Services {
    /// Sets aside a tenant's seconds.
    pub(super) async fn reserve_seconds(
        &self,
        record: &TenantRecord,
        wall: Duration,
    ) -> Result<SandboxReservation, ReserveError> {
        let caller = BilledCaller { tenant: record.id.clone(), agent: String::new(), session: None, run: None };
        let limits = BilledLimits { tenant: (*record.quotas).clone(), agent: None };
        let (now, wall_ms) = (Timestamp::now(), wall.as_millis() as u64);
        let given_up = now.saturating_add(wall * 2 + Duration::from_secs(60)).unwrap_or(Timestamp::MAX);
        self.usage.reserve_sandbox(caller, wall_ms, limits, (now, given_up)).await
    }

    /// The back end of a mode; an error says no more of this machine than that it is not there.
    pub(super) async fn backend(&self, mode: Mode, config: &Sandbox) -> Result<Arc<dyn Backend>, CapabilityError> {
        self.sandboxes.backends.open(mode, config).await.map_err(|error| explained(error, mode))
    }

    /// Whose workload it is: as root a user of the tenant's own, which its workspace then belongs to.
    async fn sandbox_tenant(&self, record: &TenantRecord, config: &Sandbox) -> Result<Tenant, CapabilityError> {
        let workspace = self.workspace(record).await?;
        Ok(Tenant {
            id: record.id.to_string(),
            user: workload_user(record)?.map_or(TenantUser::Gateway, TenantUser::Own),
            workspace: Arc::new(workspace.to_descriptor()?),
            read_only: config.read_only,
        })
    }

    /// Resolves when a tenant occupies more than its `disk_bytes`; never where it has no such quota.
    async fn until_full(&self, record: &TenantRecord) {
        let Some(limit) = record.quotas.disk_bytes else { return std::future::pending().await };
        loop {
            tokio::time::sleep(DISK_LOOKS).await;
            match self.occupied(record).await {
                Ok(bytes) if bytes > limit => return,
                Ok(_) => {}
                // It moves its files about so fast that nobody can count them.
                Err(error) => tracing::debug!(tenant = %record.id, ?error, "a workload's tenant is not measured"),
            }
        }
    }
}

/// Whose a tenant's workloads and its workspace are, where the gateway is root and can say so.
pub(crate) fn workload_user(record: &TenantRecord) -> Result<Option<NonZeroU32>, CapabilityError> {
    rustix::process::geteuid().is_root().then(|| user_of(record.row)).transpose()
}

fn user_of(row: u64) -> Result<NonZeroU32, CapabilityError> {
    let number = u32::try_from(row).ok().and_then(|row| FIRST_USER.checked_add(row)).and_then(NonZeroU32::new);
    number.ok_or_else(|| CapabilityError::internal("the machine has no user left for this tenant"))
}

impl Running {
    async fn see_to_its_end(self, workload: Workload, gone: oneshot::Receiver<()>) -> Result<Outcome, Error> {
        let outcome = match self.backend.start(&self.tenant, workload).await {
            Ok(session) => Ok(self.watch(session, gone).await),
            Err(error) => Err(error),
        };
        let Self { services, record, reservation, _place: place, .. } = self;
        services.disks.written_unseen(&record);
        services.forget_measure(&record.id);
        let took = outcome.as_ref().map_or(0, |outcome| outcome.usage.wall.as_millis() as u64);
        if let Err(error) = reservation.settle(took).await {
            tracing::error!(tenant = %record.id, %error, "the seconds of a workload are charged as they were reserved");
        }
        drop(place);
        outcome
    }

    async fn watch(&self, session: Session, gone: oneshot::Receiver<()>) -> Outcome {
        let remote = session.remote();
        let (mut ended, mut gone) = (pin!(session.collect()), pin!(gone));
        let mut full = pin!(self.services.until_full(&self.record));
        let (mut given_up, mut is_full) = (false, false);
        let mut outcome = loop {
            tokio::select! {
                outcome = &mut ended => break outcome,
                _ = &mut gone, if !given_up => given_up = true,
                () = &mut full, if !is_full => is_full = true,
            }
            remote.kill();
        };
        if is_full {
            outcome.stderr.extend_from_slice(b"\ndisk_bytes is used up: the workload was ended\n");
        }
        if outcome.reason == Reason::FailedToStart {
            self.explain(&mut outcome);
        }
        outcome
    }

    /// What kept a workload from starting. What a back end says of itself tells of this machine, and is the log's.
    fn explain(&self, outcome: &mut Outcome) {
        let said = String::from_utf8_lossy(&outcome.stderr);
        let message = outcome.message.as_deref().unwrap_or_default();
        if !said.trim().is_empty() {
            tracing::warn!(tenant = %self.record.id, message, said = %said.trim(), "a workload did not start");
        }
        outcome.stderr = message.as_bytes().to_vec();
    }
}

/// Writes down what a workload wanted to reach, the same once.
fn told_once(audit: Arc<Audit>, actor: Actor, tenant: TenantId) -> impl Fn(&Attempt) + Send + Sync {
    let told = Mutex::new(HashSet::new());
    move |attempt| {
        let refused = attempt.refused.map(|refusal| refusal.to_string());
        let known = (attempt.host.clone(), attempt.port, refused.clone());
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= ATTEMPTS || !told.insert(known) {
            return;
        }
        let mut detail = json!({ "host": attempt.host, "port": attempt.port, "allowed": refused.is_none() });
        if let Some(reason) = refused {
            detail["reason"] = reason.into();
        }
        let event = AuditEvent { actor: actor.clone(), tenant: Some(tenant.clone()), action: "sandbox.egress", detail };
        if let Err(error) = audit.append(event) {
            tracing::error!(%tenant, %error, "what a workload wanted to reach is not in the audit log");
        }
    }
}

/// Why a workload was not started, as its tenant may know it.
pub(super) fn explained(error: Error, mode: Mode) -> CapabilityError {
    match error {
        Error::Invalid(invalid) => CapabilityError::invalid(invalid.to_string()),
        Error::NotEnforced(_) => CapabilityError::unavailable(error.to_string()),
        Error::Unavailable { .. } | Error::Docker(_) => {
            tracing::warn!(%error, "the mode {} is not available", mode.as_str());
            CapabilityError::unavailable(format!(
                "the mode {} is not available on this machine: `openclaw doctor` tells the operator why",
                mode.as_str()
            ))
        }
        Error::NoTenantUser | Error::TenantUserNeedsRoot | Error::Io { .. } => CapabilityError::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_has_a_user_of_its_own_and_none_is_roots() {
        assert_eq!(user_of(1).expect("a user").get(), 200_001);
        assert!(user_of(u64::from(u32::MAX)).is_err() && user_of(u64::MAX).is_err());
    }

    #[test]
    fn a_machine_is_not_described_to_a_tenant() {
        let error = Error::Unavailable { what: "bubblewrap", why: "/usr/bin/bwrap: not found".into() };
        let CapabilityError::Refused(refusal) = explained(error, Mode::Bwrap) else { panic!("a refusal") };
        assert_eq!(refusal.code, "UNAVAILABLE");
        assert!(!refusal.message.contains("/usr"), "{}", refusal.message);
    }
}
