//! Cursors: the sort key of the last document of a page, tagged with the order it was read in.
//!
//! `k:<key>` and `K:<key>` for keys, `r:<rank>:<key>` and `R:<rank>:<key>` for ranks; capitals descend.

use crate::{Document, Error, Order, Result};

/// A position in a scan: everything up to and including it has been read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Position<'a> {
    pub(crate) rank: i64,
    pub(crate) key: &'a str,
}

fn tag(order: Order) -> &'static str {
    match order {
        Order::KeyAscending => "k:",
        Order::KeyDescending => "K:",
        Order::RankAscending => "r:",
        Order::RankDescending => "R:",
    }
}

pub(crate) fn encode(order: Order, last: &Document) -> String {
    let tag = tag(order);
    match order {
        Order::KeyAscending | Order::KeyDescending => format!("{tag}{}", last.key),
        Order::RankAscending | Order::RankDescending => format!("{tag}{}:{}", last.rank, last.key),
    }
}

pub(crate) fn decode(order: Order, cursor: &str) -> Result<Position<'_>> {
    let rest = cursor.strip_prefix(tag(order)).ok_or(Error::BadCursor)?;
    let (rank, key) = match order {
        Order::KeyAscending | Order::KeyDescending => (0, rest),
        Order::RankAscending | Order::RankDescending => {
            let (rank, key) = rest.split_once(':').ok_or(Error::BadCursor)?;
            (rank.parse().map_err(|_| Error::BadCursor)?, key)
        }
    };
    if key.is_empty() { Err(Error::BadCursor) } else { Ok(Position { rank, key }) }
}
