//! Vector indexes with full-text search: one SQLite file a tenant, family and name, which for the family `memory` is
//! one an agent.
//!
//! An index is known by an [`IndexId`] that the host makes: there is no function that finds one by a text of a
//! tenant's, and no file that holds what is two tenants' or two agents'. Every function of an [`Index`] blocks, and
//! belongs on a thread that may.
//!
//! - `database`: one open file, its schema, its writes; `search`: both rankings and what becomes of them; `nearest`:
//!   that of the vectors; `words`: a text as a query of FTS5; `kept`: vectors that need not be made again.
//! - `store`: which are open; `extension`: sqlite-vec, put into a connection.

mod database;
mod error;
mod extension;
mod index;
mod kept;
mod limits;
mod nearest;
mod search;
mod store;
mod words;

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests make and look at files of their own")]
mod tests;

pub use database::quick_check;
pub use error::{Error, Result};
pub use extension::add_to as add_sqlite_vec;
pub use index::{GoesOn, Hit, Index, Item, Kept, Query};
pub use limits::{
    ATTRIBUTE_BYTES, DIMENSIONS, FILE_BYTES, ID_BYTES, ITEMS, KEPT, KEY_BYTES, NUMBERS, QUERY_BYTES, RESULTS,
    TEXT_BYTES, WRITES, most_items,
};
pub use store::{IndexId, Store};
