//! A place in the budget, held while a call runs.

use std::sync::Arc;

use openclaw_control::{ControlDb, ControlError};

use super::admit::SoftLimit;
use super::close;
use super::records::{CallId, CallRow, Settlement};
use super::rows::Reserved;
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
    card: Arc<RateCard>,
    control: Control,
    phase: Phase,
}

#[derive(Clone)]
struct Control(ControlDb);

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ControlDb")
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
        let (reserved, card) = (Arc::clone(&self.held.reserved), Arc::clone(&self.held.card));
        let row = self.held.end(move |tx| Ok(close::settle(tx, &reserved, &card, &settlement)?)).await?;
        row.ok_or(LedgerError::Released)
    }

    /// Gives the place back; for a call that never reached the provider.
    pub async fn release(mut self) -> Result<(), LedgerError> {
        let reserved = Arc::clone(&self.held.reserved);
        self.held.end(move |tx| Ok(close::release(tx, &reserved)?)).await
    }
}

impl SandboxReservation {
    /// The milliseconds that the workload may take.
    pub fn time_ms(&self) -> u64 {
        self.held.reserved.amounts.sandbox_ms
    }

    /// Charges the time that the workload took, never more than it was given, and keeps the most memory that it had.
    pub async fn settle(mut self, millis: u64, peak_bytes: u64) -> Result<(), LedgerError> {
        let reserved = Arc::clone(&self.held.reserved);
        self.held.end(move |tx| Ok(close::settle_sandbox(tx, &reserved, millis, peak_bytes)?)).await
    }
}

impl Held {
    pub(super) fn new(reserved: Reserved, card: Arc<RateCard>, control: ControlDb, sent: bool) -> Self {
        let phase = if sent { Phase::Sent } else { Phase::Reserved };
        Self { reserved: Arc::new(reserved), card, control: Control(control), phase }
    }

    /// Ends nothing, as a killed process.
    #[cfg(test)]
    pub(super) fn forget(&mut self) {
        self.phase = Phase::Ended;
    }

    /// Writes an end, on a task of its own: a caller that goes away while it is written stops nothing.
    async fn end<T, F>(&mut self, write: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Transaction<'_>) -> Result<T, ControlError> + Send + 'static,
    {
        let before = std::mem::replace(&mut self.phase, Phase::Ended);
        let control = self.control.clone();
        let written = tokio::spawn(async move { control.0.write(write).await }).await;
        let outcome = written.unwrap_or(Err(ControlError::Closed));
        if outcome.is_err() {
            self.phase = before;
        }
        Ok(outcome?)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let phase = self.phase;
        // Without a runtime the process is about to end, and the next one finds the reservation.
        let (Ok(runtime), true) = (tokio::runtime::Handle::try_current(), phase != Phase::Ended) else { return };
        let (control, reserved, card) = (self.control.clone(), Arc::clone(&self.reserved), Arc::clone(&self.card));
        runtime.spawn(async move {
            let id = reserved.id;
            let ended = control.0.write(move |tx| {
                let closed = match phase {
                    Phase::Sent => close::estimate(tx, &reserved, Some(&card), None),
                    _ => close::release(tx, &reserved),
                };
                Ok(closed?)
            });
            if let Err(error) = ended.await {
                tracing::warn!(%id, %error, "a call that was given up stays reserved until it expires");
            }
        });
    }
}
