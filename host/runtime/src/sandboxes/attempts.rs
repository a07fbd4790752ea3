//! What workloads wanted to reach, and the calls of components, in the audit log.
//!
//! Every attempt is accounted for, and no tenant fills the log. Of a workload, or a call, each different attempt has its
//! line before it is answered; how often it was repeated, and when, stands in another at the end. What finds no line, for
//! a workload has so many and its tenant's hour has, is counted, and told in one line at the end or when the hour
//! is over. A gateway that is killed loses those counts, and no line.

mod source;

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use openclaw_sandbox::egress::Attempt;
use openclaw_tenancy::{Actor, Audit, AuditEvent, TenantId, TenantRecord};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::services::Services;
pub(crate) use source::Source;

/// Different attempts of one workload that have lines of their own.
const DIFFERENT: usize = 1000;

/// Lines of all workloads of a tenant in an hour.
const LINES: u32 = 4000;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// So many attempts, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    attempts: u64,
    refused: u64,
    first: Timestamp,
    last: Timestamp,
}

/// The operator's own calls are for no tenant.
const NOBODY: u64 = 0;

/// Writes down what one workload, or one call, wants to reach.
pub(crate) struct Attempts {
    to: To,
    seen: Mutex<Seen>,
}

/// Where it is written down, and as whose.
#[derive(Clone)]
struct To {
    audit: Arc<Audit>,
    hours: Arc<Hours>,
    actor: Actor,
    tenant: Option<TenantId>,
    row: u64,
    source: Source,
}

#[derive(Default)]
struct Seen {
    /// What has a line, with how often it came again since.
    told: HashMap<Attempt, Option<Count>>,
    /// What has none.
    others: Option<Count>,
}

/// How many lines each tenant's attempts have taken, by its row.
#[derive(Debug, Default)]
pub(crate) struct Hours(Mutex<HashMap<u64, Hour>>);

#[derive(Debug)]
struct Hour {
    began: Instant,
    lines: u32,
    /// What found no line any more.
    rest: Option<Rest>,
}

type Rest = (Option<TenantId>, Count);

impl Count {
    fn one(attempt: &Attempt, now: Timestamp) -> Self {
        Self { attempts: 1, refused: attempt.refused.is_some().into(), first: now, last: now }
    }

    fn add(self, to: &mut Option<Self>) {
        *to = Some(to.map_or(self, |count| Self {
            attempts: count.attempts + self.attempts,
            refused: count.refused + self.refused,
            first: count.first.min(self.first),
            last: count.last.max(self.last),
        }));
    }

    /// Of attempts of all kinds.
    fn told(self) -> Value {
        let (first, last) = (self.first.to_string(), self.last.to_string());
        json!({ "attempts": self.attempts, "refused": self.refused, "firstAt": first, "lastAt": last })
    }
}

impl Attempts {
    /// Of a workload.
    pub(super) fn of(services: &Services, actor: Actor, record: &TenantRecord) -> Arc<Self> {
        let hours = services.sandboxes.attempts.clone();
        Self::by(services, hours, actor, Some(record), Source::Workload)
    }

    /// Of a call, which may be for no tenant.
    pub(crate) fn of_call(
        services: &Services,
        actor: Actor,
        record: Option<&TenantRecord>,
        source: Source,
    ) -> Arc<Self> {
        Self::by(services, services.refusals.granted(), actor, record, source)
    }

    fn by(
        services: &Services,
        hours: Arc<Hours>,
        actor: Actor,
        record: Option<&TenantRecord>,
        source: Source,
    ) -> Arc<Self> {
        let (tenant, row) = record.map_or((None, NOBODY), |record| (Some(record.id.clone()), record.row));
        Arc::new(Self {
            to: To { audit: services.audit.clone(), hours, actor, tenant, row, source },
            seen: Mutex::default(),
        })
    }

    /// Writes an attempt down, or counts it; false where it could not be written. A line is on disk then.
    pub(crate) async fn record(self: Arc<Self>, attempt: Attempt) -> bool {
        if self.is_counted(&attempt) {
            return true;
        }
        let written = tokio::task::spawn_blocking(move || self.to.line(&attempt));
        written.await.unwrap_or(false)
    }

    /// Counts an attempt, unless it is to have a line.
    fn is_counted(&self, attempt: &Attempt) -> bool {
        let one = Count::one(attempt, Timestamp::now());
        let mut seen = self.seen();
        if let Some(again) = seen.told.get_mut(attempt) {
            one.add(again);
        } else if seen.told.len() >= DIFFERENT || !self.to.hours.take(self.to.row) {
            one.add(&mut seen.others);
        } else {
            seen.told.insert(attempt.clone(), None);
            return false;
        }
        true
    }

    /// Writes down what was counted up to now.
    pub(super) async fn told(self: Arc<Self>) {
        let counted = self.seen().take();
        let to = self.to.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || to.counted(counted)).await {
            tracing::error!(%error, "what a workload wanted to reach is not in the audit log");
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Attempts {
    /// A connection may end after its workload, and a call has no other end.
    fn drop(&mut self) {
        let counted = self.seen().take();
        if counted.is_nothing() {
            return;
        }
        let to = self.to.clone();
        let tell = move || to.counted(counted);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(tell)),
            Err(_) => tell(),
        }
    }
}

impl Seen {
    /// What was counted, which is not told again.
    fn take(&mut self) -> Counted {
        let again = self.told.iter_mut().filter_map(|(attempt, again)| Some((attempt.clone(), again.take()?)));
        let mut repeated: Vec<_> = again.collect();
        repeated.sort_by_key(|(_, again)| again.first);
        Counted { repeated, others: mem::take(&mut self.others) }
    }
}

/// What was counted and not yet told.
struct Counted {
    repeated: Vec<(Attempt, Count)>,
    others: Option<Count>,
}

impl Counted {
    fn is_nothing(&self) -> bool {
        self.repeated.is_empty() && self.others.is_none()
    }
}

/// All of it blocks.
impl To {
    fn line(&self, attempt: &Attempt) -> bool {
        self.write(self.source.action(), self.source.detail(attempt))
    }

    fn counted(&self, Counted { repeated, others: mut rest }: Counted) {
        for (attempt, again) in repeated {
            if self.hours.take(self.row) {
                let mut detail = self.source.detail(&attempt);
                detail["repeated"] = again.attempts.into();
                detail["firstAt"] = again.first.to_string().into();
                detail["lastAt"] = again.last.to_string().into();
                self.write(self.source.action(), detail);
            } else {
                again.add(&mut rest);
            }
        }
        match rest {
            Some(rest) if self.hours.take(self.row) => {
                self.write(self.source.rest(), rest.told());
            }
            Some(rest) => self.hours.leave(self.row, self.tenant.as_ref(), rest),
            None => {}
        }
    }

    fn write(&self, action: &'static str, detail: Value) -> bool {
        write(&self.audit, self.actor.clone(), self.tenant.as_ref(), action, detail)
    }
}

impl Hours {
    /// One line more, where the tenant's hour has one.
    fn take(&self, row: u64) -> bool {
        let mut hours = self.lock();
        let hour = hours.entry(row).or_insert_with(Hour::begin);
        let is_left = hour.lines < LINES;
        hour.lines += u32::from(is_left);
        is_left
    }

    /// Keeps what found no line until the hour is over.
    fn leave(&self, row: u64, tenant: Option<&TenantId>, count: Count) {
        let mut hours = self.lock();
        let hour = hours.entry(row).or_insert_with(Hour::begin);
        let mut rest = hour.rest.take().map(|(_, rest)| rest);
        count.add(&mut rest);
        hour.rest = rest.map(|rest| (tenant.cloned(), rest));
    }

    /// What the hours that are over have left; they are forgotten.
    fn ended(&self, is_over: impl Fn(&Hour) -> bool) -> Vec<Rest> {
        let mut hours = self.lock();
        let over = hours.extract_if(|_, hour| is_over(hour));
        over.filter_map(|(_, hour)| hour.rest).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Hour>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hour {
    fn begin() -> Self {
        Self { began: Instant::now(), lines: 0, rest: None }
    }

    fn is_over(&self) -> bool {
        self.began.elapsed() >= HOUR
    }
}

impl Services {
    /// Writes down how much more tenants' workloads and calls wanted to reach than the audit log has lines for: in the
    /// hours that are over; of all, where the gateway ends. Blocks.
    pub fn tell_attempts(&self, all: bool) {
        let (workloads, calls) = (self.sandboxes.attempts.clone(), self.refusals.granted());
        for (hours, action) in [(workloads, source::REST_OF_WORKLOADS), (calls, source::REST_OF_CALLS)] {
            for (tenant, count) in hours.ended(|hour| all || hour.is_over()) {
                write(&self.audit, Actor::Gateway, tenant.as_ref(), action, count.told());
            }
        }
    }
}

fn write(audit: &Audit, actor: Actor, tenant: Option<&TenantId>, action: &'static str, detail: Value) -> bool {
    let written = audit.append(AuditEvent { actor, tenant: tenant.cloned(), action, detail });
    if let Err(error) = &written {
        tracing::error!(?tenant, %error, "what a workload or a call wanted to reach is not in the audit log");
    }
    written.is_ok()
}

#[cfg(test)]
mod calls_tests;
#[cfg(test)]
mod tests;
