//! Terminals: workloads that outlive the call that began them.
//!
//! One ends when its program does, when it is closed, when nothing happens in it for too long, after 24 hours, when its
//! tenant's seconds are used up or its disk is full, and with its tenant (`terminals/attend.rs`; `exit.rs` tells of
//! it). The newest part of what it shows is kept for whoever attaches later (`screen.rs`); who watches it meanwhile
//! sees all of it (`watcher.rs`).

mod attend;
mod begin;
mod exit;
mod screen;
mod text;
mod watcher;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

use jiff::Timestamp;
use openclaw_billing::UsageLedger;
use openclaw_sandbox::{Input, Remote, Session, Size};
use openclaw_tenancy::{TenantId, TenantRecord};
use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};

use crate::error::CapabilityError;
use screen::Screen;
pub use watcher::{Typist, Watched, Watcher};

/// Nobody is sent more at once.
const PIECE: usize = 32 << 10;

/// A terminal's seconds are set aside so many at a time.
pub(super) const STEP: Duration = Duration::from_secs(60);

/// How long a call that types waits for a program that does not read.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a component may keep with a terminal.
const NOTE: usize = 4 << 10;

/// All terminals that run, by their ids.
#[derive(Default)]
pub(crate) struct Terminals(Mutex<HashMap<String, Arc<Terminal>>>);

/// One that runs.
pub(crate) struct Terminal {
    pub(crate) id: String,
    pub(crate) process: u32,
    pub(crate) created_ms: u64,
    pub(crate) tenant: TenantId,
    pub(crate) spec: TerminalSpec,
    /// Of the tenant whose it is.
    row: u64,
    active_ms: AtomicU64,
    tells_output: AtomicBool,
    tells_data: AtomicBool,
    screen: Mutex<Screen>,
    told: watch::Sender<Told>,
    /// Somebody who watches has read something, or it does not matter any more.
    caught_up: Notify,
    input: Input,
    remote: Remote,
}

/// What a terminal was begun with.
#[derive(Clone, Debug)]
pub(crate) struct TerminalSpec {
    pub(crate) command: Vec<String>,
    /// As its program sees it.
    pub(crate) working_directory: String,
    pub(crate) event: OutputEvent,
    /// The component's own.
    pub(crate) note: String,
}

/// The name of the event that tells what a terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputEvent {
    /// `terminal.output`
    Output,
    /// `terminal.data`, as OpenClaw has it.
    Data,
}

/// What who watches is woken for.
#[derive(Clone, Debug, Default)]
struct Told {
    /// The payload of `terminal.exit`.
    ended: Option<Arc<RawValue>>,
}

impl TerminalSpec {
    /// Refuses a note that is too long.
    pub(super) fn check(&self) -> Result<(), CapabilityError> {
        if self.note.len() <= NOTE {
            return Ok(());
        }
        Err(CapabilityError::invalid(format!("a terminal's note has at most {NOTE} bytes")))
    }
}

impl OutputEvent {
    pub(crate) fn parse(name: &str) -> Result<Self, CapabilityError> {
        match name {
            "terminal.output" => Ok(Self::Output),
            "terminal.data" => Ok(Self::Data),
            _ => Err(CapabilityError::invalid("a terminal's output goes out as terminal.output or terminal.data")),
        }
    }
}

impl Terminals {
    /// The terminal of an id, where it is this tenant's.
    pub(crate) fn find(&self, row: u64, id: &str) -> Result<Arc<Terminal>, CapabilityError> {
        let found = self.lock().get(id).filter(|terminal| terminal.row == row).cloned();
        found.ok_or_else(|| CapabilityError::not_found("there is no such terminal"))
    }

    /// A tenant's terminals, or all, the oldest first.
    pub(crate) fn of(&self, row: Option<u64>) -> Vec<Arc<Terminal>> {
        let is_asked_for = |terminal: &&Arc<Terminal>| row.is_none_or(|row| terminal.row == row);
        let mut found: Vec<_> = self.lock().values().filter(is_asked_for).cloned().collect();
        found.sort_by(|a, b| (a.created_ms, &a.id).cmp(&(b.created_ms, &b.id)));
        found
    }

    /// Ends every terminal of a tenant.
    pub(crate) fn end(&self, row: u64) {
        self.of(Some(row)).iter().for_each(|terminal| terminal.end("closed"));
    }

    /// Takes a terminal in.
    pub(super) fn begin(
        &self,
        mut session: Session,
        record: &TenantRecord,
        size: Size,
        spec: TerminalSpec,
    ) -> Result<(Arc<Terminal>, Session), CapabilityError> {
        let input = session.take_input().ok_or_else(|| CapabilityError::internal("a session without an input"))?;
        let now = now_ms();
        let terminal = Arc::new(Terminal {
            id: format!("pty-{}", UsageLedger::mint_id(Timestamp::now())),
            process: session.process().unwrap_or_default(),
            created_ms: now,
            tenant: record.id.clone(),
            row: record.row,
            active_ms: AtomicU64::new(now),
            tells_output: (spec.event == OutputEvent::Output).into(),
            tells_data: (spec.event == OutputEvent::Data).into(),
            spec,
            screen: Mutex::new(Screen::new(size)),
            told: watch::Sender::default(),
            caught_up: Notify::new(),
            input,
            remote: session.remote(),
        });
        self.lock().insert(terminal.id.clone(), terminal.clone());
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
        self.screen().size
    }

    pub(crate) fn active_ms(&self) -> u64 {
        self.active_ms.load(Relaxed)
    }

    /// How many connections watch it.
    pub(crate) fn watchers(&self) -> u32 {
        self.screen().watchers()
    }

    pub(crate) fn scrollback(&self) -> Vec<u8> {
        self.screen().newest().to_vec()
    }

    /// The newest of what its events have told, and the number of the last of them.
    pub(crate) fn replay(&self) -> (u64, Vec<u8>) {
        let screen = self.screen();
        let (number, told) = screen.told();
        (number, told.to_vec())
    }

    /// Tells its output by this event too.
    pub(crate) fn tell_also(&self, event: OutputEvent) {
        let told = match event {
            OutputEvent::Output => &self.tells_output,
            OutputEvent::Data => &self.tells_data,
        };
        told.store(true, Release);
    }

    pub(crate) async fn write(&self, data: Vec<u8>) -> Result<(), CapabilityError> {
        self.touch();
        match tokio::time::timeout(PATIENCE, self.input.write(data)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(CapabilityError::not_found("this terminal has ended")),
            Err(_) => Err(CapabilityError::unavailable("the program in this terminal does not read").retry_after(1000)),
        }
    }

    pub(crate) fn resize(&self, size: Size) -> Result<(), CapabilityError> {
        self.touch();
        if !self.remote.resize(size) {
            return Err(CapabilityError::not_found("this terminal has ended"));
        }
        self.screen().size = size;
        Ok(())
    }

    pub(crate) fn end(&self, why: &'static str) {
        self.screen().ending.get_or_insert(why);
        self.remote.kill();
        self.caught_up.notify_one();
    }

    /// The events that tell its output.
    fn output_events(&self) -> impl Iterator<Item = &'static str> {
        let events = [(&self.tells_output, "terminal.output"), (&self.tells_data, "terminal.data")];
        events.into_iter().filter_map(|(is_told, name)| is_told.load(Acquire).then_some(name))
    }

    fn touch(&self) {
        self.active_ms.store(now_ms(), Relaxed);
    }

    fn screen(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default()
}
