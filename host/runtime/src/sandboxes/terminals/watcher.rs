//! A connection that watches a terminal, and types into it.

use std::sync::Arc;

use bytes::Bytes;
use openclaw_sandbox::Size;
use openclaw_tenancy::TenantRecord;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::{PIECE, Terminal, Told};
use crate::services::Services;

/// How much is sent that is not yet read: with more, a slow reader would only see what is long past.
const WINDOW: u64 = 256 << 10;

/// Watches one terminal, from the newest part of what it has shown on. It misses nothing as long as it reads: the
/// program waits for it then.
pub struct Watcher {
    terminal: Arc<Terminal>,
    told: watch::Receiver<Told>,
    number: u64,
    /// Up to where it was sent what was shown.
    place: u64,
    /// How much of that it has not read.
    unread: u64,
}

/// What a terminal shows next.
#[derive(Clone, Debug)]
pub enum Watched {
    /// Bytes as the program wrote them.
    Output(Bytes),
    /// So many bytes are not kept any more: it has read too slowly.
    Skipped(u64),
    /// It has ended: the payload of `terminal.exit`.
    Ended(Arc<RawValue>),
}

/// Types into a terminal.
#[derive(Clone)]
pub struct Typist(Arc<Terminal>);

impl Services {
    /// Watches a terminal, where the tenant has one of this id.
    #[must_use]
    pub fn watch_terminal(&self, tenant: &TenantRecord, id: &str) -> Option<Watcher> {
        self.sandboxes.terminals.find(tenant.row, id).ok().map(Watcher::new)
    }
}

impl Watcher {
    fn new(terminal: Arc<Terminal>) -> Self {
        let told = terminal.told.subscribe();
        let (number, place) = terminal.screen().enter();
        Self { terminal, told, number, place, unread: 0 }
    }

    /// The terminal's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.terminal.id
    }

    /// The first of its processes.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.terminal.process
    }

    /// Columns and rows.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        let Size { columns, rows } = self.terminal.size();
        (columns, rows)
    }

    /// How much it has shown before that is sent first.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.terminal.screen().shown() - self.place
    }

    /// Waits for more. It can be given up and asked again.
    pub async fn next(&mut self) -> Watched {
        loop {
            let ended = self.told.borrow_and_update().ended.clone();
            let most = usize::try_from(WINDOW - self.unread).unwrap_or(PIECE).min(PIECE);
            if most == 0 {
                self.more().await;
                continue;
            }
            let (begins, bytes) = self.terminal.screen().from(self.place, most);
            if begins > self.place {
                let skipped = begins - self.place;
                self.place = begins;
                self.read(0);
                return Watched::Skipped(skipped);
            }
            if !bytes.is_empty() {
                self.place += bytes.len() as u64;
                self.unread += bytes.len() as u64;
                return Watched::Output(bytes);
            }
            if let Some(ended) = ended {
                return Watched::Ended(ended);
            }
            self.more().await;
        }
    }

    /// Waits until something is shown, or it ends. Who reads asks anew.
    async fn more(&mut self) {
        if self.told.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// So many bytes more were read.
    pub fn read(&mut self, bytes: u64) {
        self.unread = self.unread.saturating_sub(bytes);
        self.terminal.screen().read(self.number, self.place - self.unread);
        self.terminal.caught_up.notify_one();
    }

    /// Who types may wait longer than who watches.
    #[must_use]
    pub fn typist(&self) -> Typist {
        Typist(self.terminal.clone())
    }

    /// Changes the terminal's size; false once it has ended.
    pub fn resize(&self, columns: u16, rows: u16) -> bool {
        self.terminal.resize(Size { columns, rows }).is_ok()
    }

    /// Ends the terminal.
    pub fn end(&self) {
        self.terminal.end("closed");
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.terminal.screen().leave(self.number);
        self.terminal.caught_up.notify_one();
    }
}

impl Typist {
    /// Types, as soon as the program reads; false once the terminal has ended.
    pub async fn write(&self, data: Bytes) -> bool {
        self.0.touch();
        self.0.input.write(data).await
    }
}
