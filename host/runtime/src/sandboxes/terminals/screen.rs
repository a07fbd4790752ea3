//! What a terminal has shown: the newest part of it, how far its events have told of that, and how far those who
//! watch have read.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use openclaw_sandbox::Size;
use tokio::time::Instant;

use super::PIECE;

/// What whoever comes to a terminal gets of what it has shown; who watches and is no further behind misses nothing.
pub(super) const SCROLLBACK: usize = 256 << 10;

/// What is kept: besides, what comes before somebody who is that far behind is waited for.
const KEPT: usize = SCROLLBACK + 2 * PIECE;

/// How long a program waits for somebody who watches and does not read.
const PATIENCE: Duration = Duration::from_secs(5);

/// A terminal's output and who reads it.
pub(super) struct Screen {
    pub(super) size: Size,
    /// Why it is being ended, where that is not its own doing.
    pub(super) ending: Option<&'static str>,
    /// The newest bytes, and some that are about to go.
    bytes: Vec<u8>,
    /// How many it has shown in all.
    shown: u64,
    /// How many of them events have told.
    told: u64,
    events: u64,
    readers: HashMap<u64, Reader>,
    last_reader: u64,
}

/// Somebody who watches.
struct Reader {
    /// How many of the bytes shown it has read.
    read: u64,
    /// Since when it is too far behind, and has read nothing.
    since: Instant,
}

impl Screen {
    pub(super) fn new(size: Size) -> Self {
        let (bytes, readers) = (Vec::new(), HashMap::new());
        Self { size, ending: None, bytes, shown: 0, told: 0, events: 0, readers, last_reader: 0 }
    }

    pub(super) fn show(&mut self, bytes: &[u8]) {
        let before = self.shown;
        self.bytes.extend_from_slice(bytes);
        self.shown += bytes.len() as u64;
        // Moved seldom, and then at once.
        if self.bytes.len() > 2 * KEPT {
            let old = self.bytes.len() - KEPT;
            self.bytes.drain(..old);
        }
        let now = Instant::now();
        for reader in self.readers.values_mut().filter(|reader| before - reader.read <= SCROLLBACK as u64) {
            reader.since = now;
        }
    }

    /// Counts an event that tells of so many more bytes; answers its number.
    pub(super) fn tell(&mut self, bytes: usize) -> u64 {
        self.told += bytes as u64;
        self.events += 1;
        self.events
    }

    pub(super) fn shown(&self) -> u64 {
        self.shown
    }

    pub(super) fn newest(&self) -> &[u8] {
        self.bytes.get(self.bytes.len().saturating_sub(SCROLLBACK)..).unwrap_or_default()
    }

    /// The newest of what events have told, and the number of the last of them.
    pub(super) fn told(&self) -> (u64, &[u8]) {
        let untold = (self.shown - self.told) as usize;
        let told = self.bytes.get(..self.bytes.len().saturating_sub(untold)).unwrap_or_default();
        (self.events, told.get(told.len().saturating_sub(SCROLLBACK)..).unwrap_or_default())
    }

    /// What was shown from a place on, and where that begins: later, where it is not kept any more.
    pub(super) fn from(&self, place: u64, most: usize) -> (u64, Bytes) {
        let first = self.shown - self.bytes.len() as u64;
        let place = place.clamp(first, self.shown);
        let rest = self.bytes.get((place - first) as usize..).unwrap_or_default();
        (place, Bytes::copy_from_slice(rest.get(..most).unwrap_or(rest)))
    }

    /// Somebody begins to watch, from the newest part on: its number, and where that begins.
    pub(super) fn enter(&mut self) -> (u64, u64) {
        self.last_reader += 1;
        let read = self.shown - self.newest().len() as u64;
        self.readers.insert(self.last_reader, Reader { read, since: Instant::now() });
        (self.last_reader, read)
    }

    pub(super) fn read(&mut self, reader: u64, place: u64) {
        if let Some(reader) = self.readers.get_mut(&reader) {
            *reader = Reader { read: place, since: Instant::now() };
        }
    }

    pub(super) fn leave(&mut self, reader: u64) {
        self.readers.remove(&reader);
    }

    pub(super) fn watchers(&self) -> u32 {
        u32::try_from(self.readers.len()).unwrap_or(u32::MAX)
    }

    /// Until when somebody who is behind is waited for; none where the program may go on.
    pub(super) fn waits_until(&self, now: Instant) -> Option<Instant> {
        if self.ending.is_some() {
            return None;
        }
        let behind = self.readers.values().filter(|reader| self.shown - reader.read > SCROLLBACK as u64);
        behind.map(|reader| reader.since + PATIENCE).filter(|until| *until > now).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen() -> Screen {
        Screen::new(Size { columns: 80, rows: 24 })
    }

    #[test]
    fn what_is_kept_is_the_newest() {
        let mut screen = screen();
        for _ in 0..100 {
            screen.show(&[b'a'; PIECE]);
        }
        screen.show(b"end");
        assert_eq!(screen.newest().len(), SCROLLBACK);
        assert!(screen.newest().ends_with(b"aend"));
        let (place, bytes) = screen.from(0, 10);
        assert!(place > 0 && bytes.len() == 10);
        let (place, bytes) = screen.from(screen.shown() - 2, 10);
        assert_eq!((place, &bytes[..]), (screen.shown() - 2, &b"nd"[..]));
    }

    #[test]
    fn what_no_event_has_told_is_not_told_twice() {
        let mut screen = screen();
        screen.show(b"told");
        assert_eq!(screen.tell(4), 1);
        screen.show(b" and not");
        assert_eq!(screen.told(), (1, &b"told"[..]));
    }

    #[test]
    fn a_program_waits_for_who_reads_and_not_for_ever() {
        let mut screen = screen();
        let (reader, place) = screen.enter();
        assert_eq!(place, 0);
        screen.show(&[0; SCROLLBACK]);
        let now = Instant::now();
        assert_eq!(screen.waits_until(now), None, "all of that is kept");
        screen.show(&[0; PIECE]);
        let until = screen.waits_until(now).expect("it waits");
        assert!(screen.waits_until(until).is_none(), "for so long");
        screen.read(reader, PIECE as u64);
        assert_eq!(screen.waits_until(now), None);
        assert_eq!(screen.from(PIECE as u64, 1).0, PIECE as u64, "nothing of it is lost");
        screen.show(&[0; PIECE]);
        screen.ending = Some("closed");
        assert_eq!(screen.waits_until(now), None, "one that is ended waits for nobody");
    }
}
