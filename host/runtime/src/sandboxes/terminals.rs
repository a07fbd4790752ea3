//! Terminals: workloads that outlive the call that began them.
//!
//! One ends when its program does, when it is closed, when nothing happens in it for too long, when its tenant's
//! seconds are used up, and with its tenant. What it shows goes out as events, a few large ones rather than many, and
//! the newest part of it is kept for whoever attaches later.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use jiff::Timestamp;
use openclaw_billing::{SandboxReservation, UsageLedger};
use openclaw_sandbox::{Input, Output, Reason, Remote, Session, Size};
use openclaw_tenancy::{TenantId, TenantRecord};
use serde_json::{Value, json, value::RawValue};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until, timeout_at},
};

use crate::{capability::CapabilityError, services::Services};

/// What is kept of what a terminal has shown.
const SCROLLBACK: usize = 256 << 10;

/// An event carries no more, and the next comes no sooner.
const PIECE: usize = 32 << 10;
const PACE: Duration = Duration::from_millis(10);

/// A terminal's seconds are set aside so many at a time.
pub(super) const STEP: Duration = Duration::from_secs(60);

/// How long somebody who types waits for a program that does not read.
const PATIENCE: Duration = Duration::from_secs(5);

/// All terminals that run, by their ids.
#[derive(Default)]
pub(crate) struct Terminals(Mutex<HashMap<String, Arc<Terminal>>>);

/// One that runs.
pub(crate) struct Terminal {
    pub(crate) id: String,
    pub(crate) process: u32,
    pub(crate) created_ms: u64,
    /// Of the tenant whose it is.
    row: u64,
    active_ms: AtomicU64,
    shown: Mutex<Shown>,
    input: Input,
    remote: Remote,
}

struct Shown {
    size: Size,
    /// The newest bytes, and some that are about to go.
    bytes: Vec<u8>,
    /// Why it is being ended, where that is not its own doing.
    ending: Option<&'static str>,
}

/// What it takes to look after a terminal until its end.
pub(super) struct Attended {
    pub(super) services: Arc<Services>,
    pub(super) record: Arc<TenantRecord>,
    pub(super) session: Session,
    pub(super) reservation: SandboxReservation,
    pub(super) idle: Duration,
}

impl Terminals {
    /// The terminal of an id, where it is this tenant's.
    pub(crate) fn find(&self, row: u64, id: &str) -> Result<Arc<Terminal>, CapabilityError> {
        let found = self.lock().get(id).filter(|terminal| terminal.row == row).cloned();
        found.ok_or_else(|| CapabilityError::not_found("there is no such terminal"))
    }

    /// A tenant's terminals, the oldest first.
    pub(crate) fn of(&self, row: u64) -> Vec<Arc<Terminal>> {
        let mut own: Vec<_> = self.lock().values().filter(|terminal| terminal.row == row).cloned().collect();
        own.sort_by(|a, b| (a.created_ms, &a.id).cmp(&(b.created_ms, &b.id)));
        own
    }

    /// Ends every terminal that is of a tenant, or of all of them.
    pub(crate) fn end(&self, row: Option<u64>) {
        let terminals = self.lock();
        let chosen = terminals.values().filter(|terminal| row.is_none_or(|row| terminal.row == row));
        chosen.for_each(|terminal| terminal.end("closed"));
    }

    /// Takes a terminal in, unless its tenant has as many as it may.
    pub(super) fn begin(
        &self,
        mut session: Session,
        record: &TenantRecord,
        size: Size,
        most: u32,
    ) -> Result<(Arc<Terminal>, Session), CapabilityError> {
        let mut terminals = self.lock();
        let own = terminals.values().filter(|terminal| terminal.row == record.row).count();
        if own >= most as usize {
            return Err(CapabilityError::unavailable(format!(
                "this tenant has {own} terminals, which is as many as it may"
            )));
        }
        let input = session.take_input().ok_or_else(|| CapabilityError::internal("a session without an input"))?;
        let now = now_ms();
        let terminal = Arc::new(Terminal {
            id: format!("pty-{}", UsageLedger::mint_id(Timestamp::now())),
            process: session.process().unwrap_or_default(),
            created_ms: now,
            row: record.row,
            active_ms: AtomicU64::new(now),
            shown: Mutex::new(Shown { size, bytes: Vec::new(), ending: None }),
            input,
            remote: session.remote(),
        });
        terminals.insert(terminal.id.clone(), terminal.clone());
        Ok((terminal, session))
    }

    fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Terminal>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terminal {
    pub(crate) fn size(&self) -> Size {
        self.shown().size
    }

    pub(crate) fn active_ms(&self) -> u64 {
        self.active_ms.load(Relaxed)
    }

    pub(crate) fn scrollback(&self) -> Vec<u8> {
        let shown = self.shown();
        shown.bytes[shown.bytes.len().saturating_sub(SCROLLBACK)..].to_vec()
    }

    pub(crate) async fn write(&self, data: Vec<u8>) -> Result<(), CapabilityError> {
        self.touch();
        match tokio::time::timeout(PATIENCE, self.input.write(data)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(CapabilityError::not_found("this terminal has ended")),
            Err(_) => Err(CapabilityError::unavailable("the program in this terminal does not read").retry_after(1000)),
        }
    }

    pub(crate) async fn resize(&self, size: Size) -> Result<(), CapabilityError> {
        self.touch();
        if !self.remote.resize(size).await {
            return Err(CapabilityError::not_found("this terminal has ended"));
        }
        self.shown().size = size;
        Ok(())
    }

    pub(crate) fn end(&self, why: &'static str) {
        self.shown().ending.get_or_insert(why);
        self.remote.kill();
    }

    /// Looks after it until its end, and tells its tenant's connections.
    pub(super) async fn attend(self: Arc<Self>, attended: Attended) {
        let Attended { services, record, mut session, reservation, idle } = attended;
        let (ended, stop) = oneshot::channel();
        let charging = tokio::spawn(charge(services.clone(), record.clone(), self.clone(), reservation, stop));
        let (mut pending, mut number, mut due, mut is_idle) = (Vec::new(), 0_u64, Instant::now(), false);
        let mut room = pin!(services.until_full(&record));
        let mut full = None;
        loop {
            let known = pending.len();
            tokio::select! {
                piece = session.next() => match piece {
                    None => break,
                    Some(piece) => pending.extend_from_slice(bytes_of(&piece)),
                },
                () = self.idle_for(idle), if !is_idle => {
                    is_idle = true;
                    self.end("idle");
                    continue;
                }
                what = &mut room, if full.is_none() => {
                    full = Some(what);
                    self.end(what.reason());
                    continue;
                }
            }
            gather(&mut session, &mut pending, due).await;
            due = Instant::now() + PACE;
            self.show(&pending[known..]);
            let data = take_text(&mut pending);
            if !data.is_empty() {
                number += 1;
                let shown = json!({ "terminalId": self.id, "sessionId": self.id, "data": data, "seq": number });
                tell(&services, &record.id, "terminal.output", shown);
            }
        }
        let outcome = session.outcome().await;
        services.sandboxes.terminals.forget(&self.id);
        services.disks.written_unseen(&record);
        services.forget_measure(&record.id);
        drop(ended);
        // What it was charged is written down before anybody hears of its end.
        let _ = charging.await;
        let failed = outcome.reason == Reason::FailedToStart;
        let reason = self.shown().ending.unwrap_or(if failed { "error" } else { "process_exit" });
        let mut ended = json!({
            "terminalId": self.id, "sessionId": self.id, "reason": reason,
            "exitCode": outcome.exit_code, "signal": outcome.signal,
        });
        if let Some(message) = full.map(|full| full.to_string()).or(outcome.message.filter(|_| failed)) {
            ended["error"] = message.into();
        }
        tell(&services, &record.id, "terminal.exit", ended);
    }

    fn show(&self, bytes: &[u8]) {
        self.touch();
        let mut shown = self.shown();
        shown.bytes.extend_from_slice(bytes);
        // Moved seldom, and then at once.
        if shown.bytes.len() > 2 * SCROLLBACK {
            let old = shown.bytes.len() - SCROLLBACK;
            shown.bytes.drain(..old);
        }
    }

    fn touch(&self) {
        self.active_ms.store(now_ms(), Relaxed);
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

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Charges a terminal's time as it goes by, a little ahead; where no more of it is left, the terminal is ended.
async fn charge(
    services: Arc<Services>,
    record: Arc<TenantRecord>,
    terminal: Arc<Terminal>,
    mut reservation: SandboxReservation,
    mut ended: oneshot::Receiver<()>,
) {
    loop {
        let begun = Instant::now();
        let is_over = tokio::time::timeout(STEP, &mut ended).await.is_ok();
        let took = if is_over { begun.elapsed() } else { STEP };
        if let Err(error) = reservation.settle(took.as_millis() as u64).await {
            tracing::error!(tenant = %record.id, %error, "the seconds of a terminal are charged as they were reserved");
        }
        if is_over {
            return;
        }
        match services.reserve_seconds(&record, STEP).await {
            Ok(next) => reservation = next,
            Err(error) => {
                tracing::info!(tenant = %record.id, %error, "a terminal is ended");
                return terminal.end("quota");
            }
        }
    }
}

fn tell(services: &Services, tenant: &TenantId, name: &str, payload: Value) {
    if let Ok(payload) = RawValue::from_string(payload.to_string()) {
        services.events.publish(tenant, name, payload);
    }
}

/// What comes until the next event is due, as far as it has room for it.
async fn gather(session: &mut Session, pending: &mut Vec<u8>, due: Instant) {
    while pending.len() < PIECE {
        match timeout_at(due, session.next()).await {
            Ok(Some(piece)) => pending.extend_from_slice(bytes_of(&piece)),
            Ok(None) | Err(_) => return,
        }
    }
    sleep_until(due).await;
}

fn bytes_of(piece: &Output) -> &[u8] {
    match piece {
        Output::Stdout(bytes) | Output::Stderr(bytes) => bytes,
    }
}

/// The text so far; the beginning of a character stays until the rest of it has come.
fn take_text(pending: &mut Vec<u8>) -> String {
    let rest = pending.split_off(pending.len() - unfinished(pending));
    let text = String::from_utf8_lossy(pending).into_owned();
    *pending = rest;
    text
}

/// How many bytes at the end begin a character that is longer.
fn unfinished(bytes: &[u8]) -> usize {
    let last = bytes.iter().rev().take(3);
    let leads = |byte: u8| match byte {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 0,
    };
    let found = last.enumerate().find(|(_, byte)| **byte & 0xc0 != 0x80);
    found.map_or(0, |(behind, byte)| if leads(*byte) > behind + 1 { behind + 1 } else { 0 })
}

fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_not_cut_in_two() {
        let text = "aé€𝄞".as_bytes();
        for cut in 0..=text.len() {
            let mut pending = text[..cut].to_vec();
            let mut whole = take_text(&mut pending);
            pending.extend_from_slice(&text[cut..]);
            whole += &take_text(&mut pending);
            assert_eq!(whole, "aé€𝄞", "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_text_is_not_waited_for() {
        let mut pending = vec![b'a', 0xff, 0x80, 0x80, 0x80, 0x80];
        assert!(take_text(&mut pending).starts_with("a\u{fffd}") && pending.is_empty());
        let mut pending = vec![0xe2, 0x82, b'x'];
        assert_eq!(take_text(&mut pending), "\u{fffd}x");
    }
}
