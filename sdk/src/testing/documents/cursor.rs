//! The orders of a scan, and where its next page begins.

use crate::bindings::openclaw::gateway::documents::{Document, Order};
use crate::{Error, Result};
use std::cmp::Ordering;

/// The place of the last document of a page.
#[derive(Clone, Copy)]
pub(super) struct Position<'a> {
    rank: i64,
    key: &'a str,
}

fn tag(order: Order) -> &'static str {
    match order {
        Order::KeyAscending => "k:",
        Order::KeyDescending => "K:",
        Order::RankAscending => "r:",
        Order::RankDescending => "R:",
    }
}

fn is_by_rank(order: Order) -> bool {
    matches!(order, Order::RankAscending | Order::RankDescending)
}

pub(super) fn encode(order: Order, last: &Document) -> String {
    match is_by_rank(order) {
        true => format!("{}{}:{}", tag(order), last.rank, last.key),
        false => format!("{}{}", tag(order), last.key),
    }
}

pub(super) fn decode(order: Order, cursor: &str) -> Result<Position<'_>> {
    let wrong = || Error::invalid("the cursor does not belong to this order");
    let rest = cursor.strip_prefix(tag(order)).ok_or_else(wrong)?;
    let position = match is_by_rank(order) {
        false => Position { rank: 0, key: rest },
        true => {
            let (rank, key) = rest.split_once(':').ok_or_else(wrong)?;
            Position { rank: rank.parse().map_err(|_| wrong())?, key }
        }
    };
    if position.key.is_empty() { Err(wrong()) } else { Ok(position) }
}

pub(super) fn compare(order: Order, one: &Document, other: &Document) -> Ordering {
    at(one).compare(order, at(other))
}

fn at(document: &Document) -> Position<'_> {
    Position { rank: document.rank, key: &document.key }
}

impl Position<'_> {
    pub(super) fn is_before(self, order: Order, document: &Document) -> bool {
        self.compare(order, at(document)) == Ordering::Less
    }

    /// Equal ranks come by ascending key.
    fn compare(self, order: Order, other: Position<'_>) -> Ordering {
        match order {
            Order::KeyAscending => self.key.cmp(other.key),
            Order::KeyDescending => other.key.cmp(self.key),
            Order::RankAscending => self.rank.cmp(&other.rank).then(self.key.cmp(other.key)),
            Order::RankDescending => other.rank.cmp(&self.rank).then(self.key.cmp(other.key)),
        }
    }
}
