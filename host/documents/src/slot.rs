//! The place of one database in the store: its connection, its queue of writes, when it was used.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::connection::Session;
use crate::pool::Share;
use crate::{DatabaseId, Operation, Result};

/// Most transactions, and bytes, that share one commit.
const GROUP: usize = 64;
const GROUP_BYTES: usize = 1 << 20;
/// WAL pages after which it is written back: in a quiet moment, and at the latest.
const CHECKPOINT_PAGES: u32 = 1_000;
const CHECKPOINT_PAGES_AT_LATEST: u32 = 4_000;

/// What is known of a database's file. Only the holder of the connection's mutex changes it.
pub(crate) enum State {
    Closed,
    /// There is no file. Only this process would make one, so a read need not look again.
    Absent,
    Open(Session),
}

/// A transaction that waits for the connection.
pub(crate) struct Write {
    pub(crate) operations: Vec<Operation>,
    pub(crate) bytes: usize,
    pub(crate) answer: oneshot::Sender<Result<Vec<u64>>>,
}

pub(crate) struct Slot {
    pub(crate) id: DatabaseId,
    pub(crate) state: Arc<tokio::sync::Mutex<State>>,
    pub(crate) share: Share,
    queue: Mutex<VecDeque<Write>>,
    /// Milliseconds since the store began.
    used_at: AtomicU64,
    checkpointing: AtomicBool,
}

impl Slot {
    pub(crate) fn new(id: DatabaseId, share: Share) -> Self {
        Self {
            id,
            state: Arc::new(tokio::sync::Mutex::new(State::Closed)),
            share,
            queue: Mutex::default(),
            used_at: AtomicU64::new(0),
            checkpointing: AtomicBool::new(false),
        }
    }

    pub(crate) fn touch(&self, now_ms: u64) {
        self.used_at.store(now_ms, Ordering::Relaxed);
    }

    pub(crate) fn used_at(&self) -> u64 {
        self.used_at.load(Ordering::Relaxed)
    }

    pub(crate) fn enqueue(&self, write: Write) {
        self.queue().push_back(write);
    }

    /// The writes that the next commit takes, oldest first. Those that nobody waits for any more are
    /// dropped: a call that timed out must not take effect later.
    pub(crate) fn take_group(&self) -> Vec<Write> {
        let mut queue = self.queue();
        let mut group = Vec::with_capacity(queue.len().min(GROUP));
        let mut bytes = 0;
        while let Some(write) = queue.pop_front_if(|_| group.len() < GROUP && bytes < GROUP_BYTES) {
            if !write.answer.is_closed() {
                bytes += write.bytes;
                group.push(write);
            }
        }
        group
    }

    /// Whether it is time to write the WAL back; if so, until `ends_checkpoint` no one else does.
    pub(crate) fn begins_checkpoint(&self, wal_pages: u32) -> bool {
        let due = wal_pages >= CHECKPOINT_PAGES_AT_LATEST || (wal_pages >= CHECKPOINT_PAGES && self.queue().is_empty());
        due && !self.checkpointing.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn ends_checkpoint(&self) {
        self.checkpointing.store(false, Ordering::Relaxed);
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<Write>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
