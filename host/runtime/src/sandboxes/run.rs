//! One workload, for the length of the call that wants it.
//!
//! It runs in a task of its own, which sees it to its end whatever becomes of the call: only then its place is free,
//! its seconds are charged and what it wrote is looked at.

use std::{fmt::Display, num::NonZeroU32, pin::pin, sync::Arc, time::Duration};

use jiff::Timestamp;
use openclaw_billing::{SandboxReservation, UsageLedger};
use openclaw_config::gateway::Sandbox;
use openclaw_sandbox::{Backend, Error, Limits, Mode, Outcome, Reason, Session, Tenant, TenantUser, Usage, Workload};
use openclaw_tenancy::TenantRecord;
use tokio::sync::oneshot;

use super::{
    Asked, OnBehalfOf, Place,
    attempts::Attempts,
    full::Allowance,
    seconds::{LEAST_TIME, metered},
    survey::{Facts, Kind, Listed},
};
use crate::{
    call::CallState,
    error::{CapabilityError, DELETED},
    services::Services,
};

/// The users of tenants' workloads have these numbers and those after.
const FIRST_USER: u32 = 200_000;

/// A workload that is about to begin, and all that it holds until it has ended.
struct Running {
    services: Arc<Services>,
    record: Arc<TenantRecord>,
    tenant: Tenant,
    backend: Arc<dyn Backend>,
    reservation: SandboxReservation,
    place: Place,
    on_behalf_of: OnBehalfOf,
    attempts: Arc<Attempts>,
    allowance: Allowance,
}

impl CallState {
    /// Runs a workload of this call's tenant. It is ended when the call is.
    pub(crate) async fn run_workload(&mut self, asked: Asked) -> Result<Outcome, CapabilityError> {
        let record = self.current_tenant()?.clone();
        let config = self.services.sandboxes.config();
        let floor = self.floor(&config, &asked.on_behalf_of)?;
        let mode = floor.mode(&asked.mode, &self.grants)?;
        let (on_behalf_of, names_its_time) = (asked.on_behalf_of.clone(), asked.limits.wall_ms > 0);
        let attempts = self.attempts(&record)?;
        let mut workload = self.workload(asked, &config, &record, &attempts)?;
        let place = self.services.sandboxes.runs.enter(record.row, config.concurrent_per_tenant)?;
        let allowance = self.services.allowance(&record, &mut workload.limits).await?;
        let backend = self.services.backend(mode, &config).await?;
        let tenant = self.services.sandbox_tenant(&record, &config).await?;
        let wall = workload.limits.wall;
        let least = if names_its_time { wall } else { wall.min(LEAST_TIME) };
        let reservation = self.reserve_seconds(&record, least..=wall).await?;
        workload.limits.wall = Duration::from_millis(reservation.time_ms());
        let services = self.services.clone();
        let running =
            Running { services, record, tenant, backend, reservation, place, on_behalf_of, attempts, allowance };
        // Closed when this call is dropped: nobody waits any more.
        let (_waits, gone) = oneshot::channel();
        let is_cut = workload.limits.wall < wall;
        let outcome = tokio::spawn(running.see_to_its_end(workload, gone)).await.map_err(CapabilityError::internal)?;
        let mut outcome = outcome.map_err(|error| explained(error, mode))?;
        if is_cut && outcome.reason == Reason::Timeout {
            tell_why(&mut outcome, "sandbox_seconds_per_day is used up");
        }
        Ok(outcome)
    }
}

impl Services {
    /// The back end of a mode; an error says no more of this machine than that it is not there.
    pub(super) async fn backend(&self, mode: Mode, config: &Sandbox) -> Result<Arc<dyn Backend>, CapabilityError> {
        self.sandboxes.backends.open(mode, config).await.map_err(|error| explained(error, mode))
    }

    /// Whose workload it is: as root a user of the tenant's own, which its workspace then belongs to.
    pub(super) async fn sandbox_tenant(
        &self,
        record: &TenantRecord,
        config: &Sandbox,
    ) -> Result<Tenant, CapabilityError> {
        let workspace = self.workspace(record).await?;
        Ok(Tenant {
            id: record.id.to_string(),
            user: workload_user(record)?.map_or(TenantUser::Gateway, TenantUser::Own),
            workspace: Arc::new(workspace.to_descriptor()?),
            read_only: config.read_only,
        })
    }

    /// Whether a tenant is who it was when its call began: neither deleted nor disabled, and with the token of then.
    pub(crate) fn is_current(&self, record: &TenantRecord) -> bool {
        self.why_not_current(record).is_none()
    }

    /// What has become of a tenant that is not who it was.
    pub(crate) fn why_not_current(&self, record: &TenantRecord) -> Option<&'static str> {
        match self.registry.get(&record.id) {
            Some(now) if now.row == record.row => match (now.disabled, now.generation == record.generation) {
                (true, _) => Some("this tenant is disabled"),
                (false, false) => Some("this tenant's token was rotated"),
                (false, true) => None,
            },
            _ => Some(DELETED),
        }
    }

    /// Refuses what would go on, or cost something, for a token that opens nothing any more.
    pub(crate) fn check_current(&self, record: &TenantRecord) -> Result<(), CapabilityError> {
        self.why_not_current(record).map_or(Ok(()), |why| Err(CapabilityError::forbidden(why)))
    }

    /// A tenant as it is by now, with its quotas of now; as it was, where it is gone.
    pub(super) fn newest(&self, record: &Arc<TenantRecord>) -> Arc<TenantRecord> {
        let now = self.registry.get(&record.id).filter(|now| now.row == record.row);
        now.unwrap_or_else(|| record.clone())
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
        let (limits, mut listed) = (workload.limits.clone(), None);
        let outcome = match self.backend.start(&self.tenant, workload).await {
            Ok(session) => {
                listed = Some(self.list(&session, limits));
                Ok(self.watch(session, gone).await)
            }
            Err(error) => Err(error),
        };
        let Self { services, record, reservation, place, attempts, .. } = self;
        attempts.told().await;
        services.disks.written_unseen(&services.newest(&record));
        services.forget_measure(&record.id);
        let used = outcome.as_ref().map_or_else(|_| Usage::default(), |outcome| outcome.usage);
        if let Err(error) = reservation.settle(metered(used)).await {
            tracing::error!(tenant = %record.id, %error, "the seconds of a workload are charged as they were reserved");
        }
        drop(place);
        drop(listed);
        outcome
    }

    fn list(&self, session: &Session, limits: Limits) -> Listed {
        let id = format!("run-{}", UsageLedger::mint_id(Timestamp::now()));
        let (tenant, on_behalf_of) = (self.record.id.clone(), self.on_behalf_of.clone());
        let facts = Facts { id, kind: Kind::Workload, tenant, on_behalf_of, limits };
        let remote = session.remote();
        self.services.sandboxes.survey.list(facts, session, move || remote.kill())
    }

    async fn watch(&self, session: Session, gone: oneshot::Receiver<()>) -> Outcome {
        let remote = session.remote();
        let (mut ended, mut gone) = (pin!(session.collect()), pin!(gone));
        let mut room = pin!(self.services.until_full(&self.record, self.allowance));
        let mut end = pin!(self.place.end.notified());
        end.as_mut().enable();
        let (mut given_up, mut full) = (!self.services.is_current(&self.record), None);
        if given_up {
            remote.kill();
        }
        let mut outcome = loop {
            tokio::select! {
                outcome = &mut ended => break outcome,
                _ = &mut gone, if !given_up => given_up = true,
                () = &mut end, if !given_up => given_up = true,
                what = &mut room, if full.is_none() => full = Some(what),
            }
            remote.kill();
        };
        if let Some(what) = full {
            tell_why(&mut outcome, what);
        } else if self.allowance.is_full() && outcome.reason == Reason::Exit && outcome.exit_code != Some(0) {
            let said = b"\ndisk_bytes is used up: until something is removed, a workload can write no file\n";
            outcome.stderr.extend_from_slice(said);
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
            tracing::warn!(tenant = %self.record.id, detail = message, said = %said.trim(), "a workload did not start");
        }
        outcome.stderr = message.as_bytes().to_vec();
    }
}

/// Says on its stderr what ended a workload.
fn tell_why(outcome: &mut Outcome, why: impl Display) {
    outcome.stderr.extend_from_slice(format!("\n{why}: the workload was ended\n").as_bytes());
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
