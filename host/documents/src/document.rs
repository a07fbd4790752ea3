//! The vocabulary of the store: documents, ranges, pages, operations, log entries.

/// One document of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub key: String,
    /// JSON, UTF-8; stored as it is and never read here.
    pub value: Vec<u8>,
    /// Grows with every write to the database; at least 1. Never used twice, but numbers may be left out.
    pub version: u64,
    /// The number that the writer ordered this document by.
    pub rank: i64,
}

/// The order of a scan. Equal ranks come by ascending key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    KeyAscending,
    KeyDescending,
    RankAscending,
    RankDescending,
}

/// What a scan reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Only keys that begin with this; empty for all.
    pub prefix: String,
    /// The `next` of the page before.
    pub after: Option<String>,
    /// Documents to pass over first.
    pub skip: u32,
    /// 1 to 1,000.
    pub limit: u32,
    pub order: Order,
}

/// One page of a scan. It ends before `limit` where its values pass 8 MiB; `next` tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub documents: Vec<Document>,
    /// Where the next page begins (opaque); none on the last one.
    pub next: Option<String>,
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// Write whatever is there.
    Any,
    /// The key must not exist.
    Absent,
    /// The document must have this version.
    Version(u64),
}

/// A document's names stand in its table and in both indexes.
const TIMES_NAMED: usize = 3;
/// Headers, numbers and pointers of a row and its index entries.
const ROW_BYTES: usize = 64;

/// One step of a transaction, and the number that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Writes a document. Answers its new version.
    Put { collection: String, key: String, value: Vec<u8>, rank: i64, expect: Expectation },
    /// Removes a document. Answers 1 when it was there, else 0.
    Delete { collection: String, key: String, expect: Expectation },
    /// Adds entries at the end of a log. Answers the log's last sequence number.
    Append { log: String, entries: Vec<Vec<u8>> },
    /// Removes all entries of a log. Answers how many. Its sequence numbers are not used again.
    ClearLog { log: String },
    /// Removes all but the newest `keep_last` entries. Answers how many were removed.
    TrimLog { log: String, keep_last: u64 },
}

impl Operation {
    /// The most that it adds to the file: what it writes, its names in the table and the indexes, and the
    /// rows around them. An empty entry takes room too.
    pub fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Put { collection, key, value, .. } => {
                value.len() + TIMES_NAMED * (collection.len() + key.len()) + ROW_BYTES
            }
            Self::Append { log, entries } => {
                entries.iter().map(|entry| entry.len() + log.len() + ROW_BYTES).sum::<usize>()
            }
            Self::Delete { .. } | Self::ClearLog { .. } | Self::TrimLog { .. } => 0,
        };
        bytes as u64
    }

    /// Whether it can leave room behind.
    pub fn frees(&self) -> bool {
        matches!(self, Self::Delete { .. } | Self::ClearLog { .. } | Self::TrimLog { .. })
    }
}

/// Some logs together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogTotals {
    pub logs: u64,
    /// Of all of them.
    pub entries: u64,
}

/// One entry of an append-only log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Counts from 1 in each log, without gaps, and is never used twice.
    pub sequence: u64,
    pub value: Vec<u8>,
}
