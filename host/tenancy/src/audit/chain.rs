//! The format of the lines and their chain.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What the first line has for the hash before it.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Bytes read at a time from the end of the file.
const CHUNK: u64 = 64 * 1024;
/// Longer than any line; keeps a broken file from filling the memory.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// The action of an entry that begins a new file after one that was lost.
pub(super) const LOST: &str = "audit.lost";

/// What a sound log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditSummary {
    pub entries: u64,
    /// Where its first entry says that an earlier file was lost.
    pub lost: Option<LostEntries>,
}

/// What was in a file that was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostEntries {
    Number(u64),
    /// It was lost while nobody looked.
    Unknown,
}

/// The first line at which a log is not sound; 0 where it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("audit log, line {line}: {reason}")]
pub struct AuditFault {
    pub line: u64,
    pub reason: String,
}

/// Where the chain stands.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) seq: u64,
    pub(super) hash: String,
}

#[derive(Deserialize)]
struct Links {
    action: String,
    seq: u64,
    prev: String,
    hash: String,
}

impl Default for Tail {
    fn default() -> Self {
        Self { seq: 0, hash: GENESIS.to_owned() }
    }
}

impl Tail {
    /// Continues after a last line, which must be sound in itself.
    pub(super) fn of_line(line: &[u8]) -> Result<Self, String> {
        let links = check(line)?;
        Ok(Self { seq: links.seq, hash: links.hash })
    }
}

/// The hash of a line without its own hash, after the hash before it.
pub(super) fn hash(prev: &str, line: &str) -> String {
    let digest = Sha256::new().chain_update(prev).chain_update(line);
    hex::encode(digest.finalize())
}

/// The line as it is written: the hash as the last member.
pub(super) fn seal(line: &str, hash: &str) -> String {
    let open = line.strip_suffix('}').unwrap_or(line);
    format!("{open},\"hash\":\"{hash}\"}}\n")
}

/// Whether a line's own hash is right, and how it is linked.
#[allow(clippy::disallowed_methods, reason = "into a type of ours")]
fn check(line: &[u8]) -> Result<Links, String> {
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    let links: Links = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let ending = format!(",\"hash\":\"{}\"}}", links.hash);
    let open = text.strip_suffix(&ending).ok_or("the hash is not the last member")?;
    if hash(&links.prev, &format!("{open}}}")) != links.hash {
        return Err("its content does not match its hash".to_owned());
    }
    Ok(links)
}

/// What stands after the last line end: empty in a sound log.
pub(super) fn torn_tail(file: &File) -> std::io::Result<Vec<u8>> {
    let end = file.metadata()?.len();
    let start = last_line_end(file, end)?.map_or(0, |at| at + 1);
    read_range(file, start, end)
}

/// The last whole line, without its end.
pub(super) fn last_line(file: &File) -> std::io::Result<Option<Vec<u8>>> {
    let Some(end) = last_line_end(file, file.metadata()?.len())? else {
        return Ok(None);
    };
    let start = last_line_end(file, end)?.map_or(0, |at| at + 1);
    read_range(file, start, end).map(Some)
}

/// The offset of the last line end before `end`.
fn last_line_end(file: &File, end: u64) -> std::io::Result<Option<u64>> {
    let mut to = end;
    while to > 0 {
        let from = to.saturating_sub(CHUNK);
        let chunk = read_range(file, from, to)?;
        if let Some(at) = chunk.iter().rposition(|&byte| byte == b'\n') {
            return Ok(Some(from + at as u64));
        }
        to = from;
    }
    Ok(None)
}

fn read_range(file: &File, from: u64, to: u64) -> std::io::Result<Vec<u8>> {
    let length = to - from;
    if length > LONGEST_LINE {
        return Err(std::io::Error::other("a line is longer than any entry"));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

#[allow(clippy::disallowed_methods, reason = "the gateway's own file")]
pub(super) fn verify(path: &Path) -> Result<AuditSummary, AuditFault> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => return Ok(AuditSummary { entries: 0, lost: None }),
        file => file.map_err(|error| fault(0, error.to_string()))?,
    };
    let mut reader = BufReader::new(File::from(file));
    let mut tail = Tail::default();
    let mut summary = AuditSummary { entries: 0, lost: None };
    loop {
        let number = summary.entries + 1;
        let mut line = Vec::new();
        let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        if read.map_err(|error| fault(number, error.to_string()))? == 0 {
            return Ok(summary);
        }
        if line.pop() != Some(b'\n') {
            return Err(fault(number, "it was cut short"));
        }
        let links = check(&line).map_err(|reason| fault(number, reason))?;
        if number == 1 && links.action == LOST {
            summary.lost = Some(links.entries_before());
            tail = Tail { seq: links.seq.saturating_sub(1), hash: links.prev.clone() };
        }
        if links.seq != tail.seq + 1 {
            let reason = format!("its number is {}, expected {}", links.seq, tail.seq + 1);
            return Err(fault(number, reason));
        }
        if links.prev != tail.hash {
            return Err(fault(number, "it does not continue the line before it"));
        }
        tail = Tail { seq: links.seq, hash: links.hash };
        summary.entries = number;
    }
}

impl Links {
    fn entries_before(&self) -> LostEntries {
        match self.seq.saturating_sub(1) {
            0 => LostEntries::Unknown,
            entries => LostEntries::Number(entries),
        }
    }
}

fn fault(line: u64, reason: impl Into<String>) -> AuditFault {
    AuditFault { line, reason: reason.into() }
}
