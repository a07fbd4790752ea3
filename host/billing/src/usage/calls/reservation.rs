//! A place in the budget, held while a call runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use openclaw_control::{Batch, ControlError};
use tokio::sync::oneshot;

use super::admit::SoftLimit;
use super::close::{self, Settled};
use super::group::{Group, Groups};
use super::open::{Cohort, Reserved};
use super::records::{Amounts, CallId, CallRow, Settlement, WorkloadUsage};
use crate::card::RateCard;
use crate::price::TokenCounts;
use crate::usage::LedgerError;

/// An admitted model call. Ends by [`settle`](Self::settle), which makes it a row, or by
/// [`release`](Self::release). One that is dropped ends by itself: released where the provider was
/// not called yet, else as a row with the outcome `estimated`.
#[derive(Debug)]
#[must_use = "dropping it ends the call"]
pub struct Reservation {
    pub(super) held: Held,
    pub(super) soft_limits: Vec<SoftLimit>,
}

/// An admitted sandboxed workload. One that is dropped is charged with all that was reserved.
#[derive(Debug)]
#[must_use = "dropping it ends the workload"]
pub struct SandboxReservation {
    pub(super) held: Held,
}

/// An open reservation and what it takes to end it.
#[derive(Debug)]
pub(super) struct Held {
    reserved: Arc<Reserved>,
    cohort: Arc<Cohort>,
    card: Arc<RateCard>,
    writes: Writes,
    phase: Phase,
}

/// A call that it is not known of yet whether it is admitted: given back where its caller goes away meanwhile.
pub(super) struct Asked {
    writes: Writes,
    pub(super) reserved: Arc<Reserved>,
    /// The number of its row of open calls, as the writer's thread admits it; until then 0, which is no row's.
    pub(super) cohort: Arc<AtomicI64>,
    is_answered: bool,
}

/// Where calls are written.
#[derive(Clone)]
pub(super) struct Writes(pub(super) Arc<Batch<Groups>>);

impl std::fmt::Debug for Writes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writes")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was sent.
    Reserved,
    /// The provider may charge for it.
    Sent,
    /// Its end is written, or is about to be.
    Ended,
}

impl Reservation {
    /// The name of the row, for the provider's metadata and the log.
    pub fn id(&self) -> CallId {
        self.held.reserved.id
    }

    /// What the call costs at the most.
    pub fn reserved_cost(&self) -> openclaw_tenancy::PicoUsd {
        self.held.reserved.amounts.cost
    }

    /// The tokens that were set aside, each class at the most.
    pub fn reserved_tokens(&self) -> TokenCounts {
        self.held.reserved.tokens
    }

    /// The soft limits that this call passes.
    pub fn soft_limits(&self) -> &[SoftLimit] {
        &self.soft_limits
    }

    /// To be called before the first byte goes to the provider.
    pub fn mark_sent(&mut self) {
        self.held.phase = Phase::Sent;
    }

    /// Makes the call a row, durable when this answers; on an error it may be tried again. A second
    /// time answers the row of the first.
    pub async fn settle(&mut self, settlement: Settlement) -> Result<CallRow, LedgerError> {
        let (cohort, reserved) = self.held.call();
        if self.held.phase == Phase::Ended {
            let find = move |group: &mut Group<'_>| Ok(close::find(group.db, &reserved)?);
            return self.held.end(find).await?.ok_or(LedgerError::Released);
        }
        let row = Arc::new(close::row_of(&reserved, &self.held.card, settlement));
        let written = Arc::clone(&row);
        let settle = move |group: &mut Group<'_>| Ok(close::settle(group, (cohort, &reserved), &written)?);
        match self.held.end(settle).await? {
            Settled::Now => Ok(Arc::unwrap_or_clone(row)),
            Settled::Before(row) => row.map(|row| *row).ok_or(LedgerError::Released),
        }
    }

    /// Gives the place back; for a call that never reached the provider.
    pub async fn release(mut self) -> Result<(), LedgerError> {
        let (cohort, reserved) = self.held.call();
        self.held.end(move |group: &mut Group<'_>| Ok(group.release((cohort, &reserved))?)).await
    }
}

impl SandboxReservation {
    /// The milliseconds that the workload may take.
    pub fn time_ms(&self) -> u64 {
        self.held.reserved.amounts.sandbox_ms
    }

    /// Charges the time that the workload took by the clock, never more than it was given, and keeps what else it took.
    pub async fn settle(mut self, used: WorkloadUsage) -> Result<(), LedgerError> {
        let (cohort, reserved) = self.held.call();
        let settle = move |group: &mut Group<'_>| Ok(close::settle_sandbox(group, (cohort, &reserved), used)?);
        self.held.end(settle).await
    }
}

impl Held {
    /// The number of its row of open calls, and what was set aside.
    fn call(&self) -> (i64, Arc<Reserved>) {
        (self.cohort.seq, Arc::clone(&self.reserved))
    }

    /// Ends nothing, as a killed process.
    #[cfg(test)]
    pub(super) fn forget(&mut self) {
        self.phase = Phase::Ended;
    }

    /// Writes an end; it is queued before this first waits, so that a caller that goes away stops nothing.
    async fn end<T, F>(&mut self, write: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnMut(&mut Group<'_>) -> Result<T, ControlError> + Send + 'static,
    {
        let before = std::mem::replace(&mut self.phase, Phase::Ended);
        let (reply, answer) = oneshot::channel();
        self.submit(before, write, move |ended| drop(reply.send(ended)));
        let outcome = answer.await.unwrap_or(Err(ControlError::Closed));
        if outcome.is_err() {
            self.phase = before;
        }
        Ok(outcome?)
    }

    fn submit<T, F>(&self, before: Phase, write: F, reply: impl FnOnce(Result<T, ControlError>) + Send + 'static)
    where
        T: Send + 'static,
        F: FnMut(&mut Group<'_>) -> Result<T, ControlError> + Send + 'static,
    {
        // Only its first end is one.
        let ending = (before != Phase::Ended).then(|| Arc::clone(&self.cohort));
        let reply = move |ended: Result<T, ControlError>| {
            if let (Ok(_), Some(cohort)) = (&ended, ending) {
                cohort.end_call();
            }
            reply(ended);
        };
        self.writes.0.submit(write, reply);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (before, id) = (std::mem::replace(&mut self.phase, Phase::Ended), self.reserved.id);
        let ((cohort, reserved), card) = (self.call(), Arc::clone(&self.card));
        match before {
            Phase::Ended => {}
            Phase::Sent => {
                let estimate =
                    move |group: &mut Group<'_>| Ok(close::estimate(group, (cohort, &reserved), Some(&card), None)?);
                self.submit(before, estimate, move |ended| warn(id, ended));
            }
            Phase::Reserved => {
                let release = move |group: &mut Group<'_>| Ok(group.release((cohort, &reserved))?);
                self.submit(before, release, move |ended| warn(id, ended));
            }
        }
    }
}

impl Asked {
    pub(super) fn new(reserved: Reserved, writes: Writes) -> Self {
        Self { writes, reserved: Arc::new(reserved), cohort: Arc::default(), is_answered: false }
    }

    pub(super) fn refused(mut self) {
        self.is_answered = true;
    }

    /// Of a workload the provider is the sandbox, which runs it at once.
    pub(super) fn admitted(mut self, cohort: Arc<Cohort>, amounts: Amounts, card: Arc<RateCard>) -> Held {
        self.is_answered = true;
        let mut reserved = Arc::clone(&self.reserved);
        if reserved.amounts != amounts {
            reserved = Arc::new(Reserved { amounts, ..(*reserved).clone() });
        }
        let phase = if reserved.is_of_sandbox() { Phase::Sent } else { Phase::Reserved };
        Held { reserved, cohort, card, writes: self.writes.clone(), phase }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_answered {
            let (reserved, id) = (Arc::clone(&self.reserved), self.reserved.id);
            let cohort = Arc::clone(&self.cohort);
            // Behind what admits it, in the same queue.
            let release = move |group: &mut Group<'_>| Ok(group.release((cohort.load(Ordering::Relaxed), &reserved))?);
            self.writes.0.submit(release, move |ended| warn(id, ended));
        }
    }
}

fn warn<T>(id: CallId, ended: Result<T, ControlError>) {
    if let Err(error) = ended {
        tracing::warn!(%id, %error, "a call that was given up stays reserved until it expires");
    }
}
