//! A terminal from its beginning to its end: what it shows goes to who watches at once, and to its tenant's connections
//! as events, of what has come together meanwhile rather than of each piece.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use openclaw_billing::SandboxReservation;
use openclaw_sandbox::{Output, Session, Usage};
use openclaw_tenancy::TenantRecord;
use serde_json::{Value, json, value::RawValue};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use super::{PIECE, STEP, Terminal, exit, now_ms, text};
use crate::{
    sandboxes::{
        Place,
        attempts::Attempts,
        full::{Allowance, Full},
        seconds::{LEAST_TIME, metered},
        survey::Listed,
    },
    services::Services,
};

/// An event comes no sooner after the one before.
const PACE: Duration = Duration::from_millis(10);

/// An event that has no room for all that was shown is followed by the next one sooner.
const PACE_OF_MUCH: Duration = Duration::from_millis(2);

/// What one event tells: some of them wait for each of a tenant's connections.
const EVENT_BYTES: usize = 4 << 10;

/// What it takes to look after a terminal until its end.
pub(in crate::sandboxes) struct Attended {
    pub(in crate::sandboxes) services: Arc<Services>,
    pub(in crate::sandboxes) record: Arc<TenantRecord>,
    pub(in crate::sandboxes) session: Session,
    pub(in crate::sandboxes) reservation: SandboxReservation,
    pub(in crate::sandboxes) idle: Duration,
    pub(in crate::sandboxes) place: Place,
    pub(in crate::sandboxes) listed: Listed,
    pub(in crate::sandboxes) attempts: Arc<Attempts>,
    pub(in crate::sandboxes) allowance: Allowance,
}

impl Terminal {
    /// Looks after it until its end, and tells its tenant's connections.
    pub(in crate::sandboxes) async fn attend(self: Arc<Self>, attended: Attended) {
        let Attended { services, record, mut session, reservation, idle, place, listed, attempts, allowance } =
            attended;
        let (ended, stop) = oneshot::channel();
        let charging = tokio::spawn(charge(services.clone(), record.clone(), self.clone(), reservation, stop));
        let full = self.follow(&services, &record, &mut session, idle, allowance).await;
        let outcome = session.outcome().await;
        services.sandboxes.terminals.forget(&self.id);
        drop(place);
        services.disks.written_unseen(&services.newest(&record));
        services.forget_measure(&record.id);
        let _ = ended.send(outcome.usage);
        // What it was charged is written down before anybody hears of its end.
        let _ = charging.await;
        attempts.told().await;
        drop(listed);
        let Some(payload) = raw(&exit::told(&self.id, self.screen().ending, &outcome, full)) else { return };
        self.publish(&services, "terminal.exit", payload.clone());
        self.told.send_modify(|told| told.ended = Some(payload.into()));
    }

    /// Passes on what it shows, to its end. Answers what had no room left, where that ended it.
    async fn follow(
        &self,
        services: &Services,
        record: &Arc<TenantRecord>,
        session: &mut Session,
        idle: Duration,
        allowance: Allowance,
    ) -> Option<Full> {
        let (mut pending, mut due, mut is_idle) = (Vec::new(), Instant::now(), false);
        let mut room = pin!(services.until_full(record, allowance));
        let mut full = None;
        loop {
            tokio::select! {
                piece = self.next_piece(session), if pending.len() < PIECE => {
                    let Some(piece) = piece else { break };
                    self.show(&piece);
                    pending.extend_from_slice(&piece);
                }
                () = sleep_until(due), if text::is_in(&pending) => {
                    let text = text::take(&mut pending, EVENT_BYTES);
                    due = Instant::now() + if text::is_in(&pending) { PACE_OF_MUCH } else { PACE };
                    self.tell(services, text);
                }
                () = self.idle_for(idle), if !is_idle => {
                    is_idle = true;
                    self.end("idle");
                }
                what = &mut room, if full.is_none() => {
                    full = Some(what);
                    self.end(what.reason());
                }
            }
        }
        while text::is_in(&pending) {
            self.tell(services, text::take(&mut pending, EVENT_BYTES));
        }
        if !pending.is_empty() {
            self.tell(services, (String::from_utf8_lossy(&pending).into_owned(), pending.len()));
        }
        full
    }

    /// The next piece of output, once those who watch have read enough of what was before.
    async fn next_piece(&self, session: &mut Session) -> Option<Bytes> {
        loop {
            let caught_up = self.caught_up.notified();
            let Some(until) = self.screen().waits_until(Instant::now()) else { break };
            tokio::select! {
                () = caught_up => {}
                () = sleep_until(until) => {}
            }
        }
        Some(match session.next().await? {
            Output::Stdout(bytes) | Output::Stderr(bytes) => bytes,
        })
    }

    fn show(&self, bytes: &[u8]) {
        self.touch();
        self.screen().show(bytes);
        self.told.send_modify(|_| {});
    }

    /// Tells of a text, which stands for so many bytes.
    fn tell(&self, services: &Services, (text, bytes): (String, usize)) {
        let number = self.screen().tell(bytes);
        let shown = raw(&json!({ "terminalId": self.id, "sessionId": self.id, "data": text, "seq": number }));
        let Some(shown) = shown else { return };
        for event in self.output_events() {
            self.publish(services, event, shown.clone());
        }
    }

    /// Tells its tenant, and nobody who has that name after it.
    fn publish(&self, services: &Services, event: &str, payload: Box<RawValue>) {
        if services.registry.get(&self.tenant).is_some_and(|tenant| tenant.row == self.row) {
            services.events.publish(&self.tenant, event, payload);
        }
    }

    /// Resolves when nothing has happened for so long.
    async fn idle_for(&self, idle: Duration) {
        loop {
            let since = Duration::from_millis(now_ms().saturating_sub(self.active_ms()));
            match idle.checked_sub(since) {
                None | Some(Duration::ZERO) => return,
                Some(left) => sleep_until(Instant::now() + left).await,
            }
        }
    }
}

/// Charges a terminal's time as it goes by, a little ahead; where no more of it is left, the terminal is ended.
async fn charge(
    services: Arc<Services>,
    record: Arc<TenantRecord>,
    terminal: Arc<Terminal>,
    mut reservation: SandboxReservation,
    mut ended: oneshot::Receiver<Usage>,
) {
    let mut counted = Duration::ZERO;
    loop {
        let (begun, step) = (Instant::now(), Duration::from_millis(reservation.time_ms()));
        let over = tokio::time::timeout(step, &mut ended).await;
        let (is_over, wall) = (over.is_ok(), if over.is_ok() { begun.elapsed() } else { step });
        let used = over.ok().and_then(Result::ok).unwrap_or_else(|| terminal.remote.usage());
        let cpu = used.cpu.saturating_sub(counted);
        counted += cpu;
        if let Err(error) = reservation.settle(metered(Usage { wall, cpu, ..used })).await {
            tracing::error!(tenant = %record.id, %error, "the seconds of a terminal are charged as they were reserved");
        }
        if is_over {
            return;
        }
        // Its quotas may be others by now.
        match services.reserve_seconds(&services.newest(&record), LEAST_TIME..=STEP).await {
            Ok(next) => reservation = next,
            Err(error) => {
                tracing::info!(tenant = %record.id, %error, "a terminal is ended");
                return terminal.end("quota");
            }
        }
    }
}

fn raw(value: &Value) -> Option<Box<RawValue>> {
    RawValue::from_string(value.to_string()).ok()
}
