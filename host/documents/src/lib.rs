//! The document store behind the components' `documents` capability: one SQLite database a tenant
//! and family, with collections of opaque JSON documents and append-only logs.
//!
//! A database has one connection, taken in turn by an async mutex. Light work runs on the caller's
//! own thread: reads within a budget of SQLite's steps and of bytes (a heavier one begins again on a
//! thread that may block), and small writes that no sync is asked for. All else runs on a bounded
//! pool, at most two threads a tenant. Writes that wait share one commit.
//!
//! Chosen by `cargo bench -p openclaw-documents`, in shares of bare rusqlite on one thread (medians;
//! two busy cores, values of 400 bytes, 16 tasks; `blocking` is `spawn_blocking` a call, `thread` a
//! channel to a thread a database):
//!
//! | | inline | blocking | thread | this store |
//! |---|---|---|---|---|
//! | get | 0.97 | 0.28 | 0.41 | 1.93 |
//! | scan of 100 by rank | 1.01 | 1.11 | 1.03 | 1.08 |
//! | put, `process` | 0.91 | 0.94 | 0.88 | 4.06 |
//! | put, `power-safe` | 0.53 | 1.74 | 2.36 | 6.56 |
//!
//! A hop to another thread costs three times a get. Puts gain by sharing commits; reads by exclusive
//! locking (no lock calls) and by SQLite's stable plans (`ENABLE_QPSG`), without which every scan
//! would be planned anew.

#![forbid(unsafe_code)]

mod check;
mod closed;
mod connection;
mod copies;
mod cursor;
mod damage;
mod database;
mod document;
mod error;
mod limits;
mod open;
mod pool;
mod read;
mod slot;
mod store;
mod write;

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make, damage and count files of their own")]
mod tests;

pub use check::{quick_check, quick_check_of};
pub use closed::{Closed, ClosedTenants};
pub use database::Database;
pub use document::{Document, Expectation, LogEntry, LogTotals, Operation, Order, Page, Range};
pub use error::{Error, Result};
pub use limits::{MAX_ANSWER_BYTES, MAX_ITEMS, MAX_NAME_BYTES, MAX_TRANSACTION_BYTES};
pub use open::{OpenError, connect};
pub use store::{DatabaseId, Store, StoreSettings};
