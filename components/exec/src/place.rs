//! The places of the calls that wait for an answer. They are fewer than the calls that a tenant has at once, so that
//! whoever answers finds room; those who join take none from those who ask.
//!
//! Each has a name of the approval besides, for as long as it waits, which is nobody else's: when one of them goes, the
//! approval is still the others'.

use crate::approvals::busy;
use openclaw_sdk::tasks::{Claim, Tasks};
use openclaw_sdk::{Error, Result};
use std::iter;
use std::time::Duration;

/// How many calls wait that were the first to ask: as many as a tenant has tasks, each of which may be a run.
const ASK: u32 = 16;

/// How many wait for what others asked.
const JOIN: u32 = 8;

pub(crate) struct Place {
    _place: Claim,
    /// Says that the approval is waited for.
    _name: Claim,
}

impl Place {
    /// Takes a place among those who wait, and a name of the approval: the first one where nobody has it. The caller
    /// has the turn.
    pub(crate) fn take(tasks: &Tasks, id: &str) -> Result<Self> {
        let first = tasks.claim(&first_name(id), Duration::ZERO)?;
        let (kind, most) = if first.is_some() { ("asks", ASK) } else { ("joins", JOIN) };
        for n in 0..most {
            let Some(place) = tasks.claim(&format!("{kind}:{n}"), Duration::ZERO)? else { continue };
            let name = match first {
                None => tasks.claim(&joined_name(id, n), Duration::ZERO)?.ok_or_else(busy)?,
                Some(first) => first,
            };
            return Ok(Self { _place: place, _name: name });
        }
        Err(Error::unavailable(format!("{most} calls wait for an approval already"), Some(5_000)))
    }
}

/// Whether a call waits for an approval. The caller has the turn: whoever has one of these names does wait then.
pub(crate) fn is_waited_for(tasks: &Tasks, id: &str) -> Result<bool> {
    for name in iter::once(first_name(id)).chain((0..JOIN).map(|n| joined_name(id, n))) {
        if tasks.claim(&name, Duration::ZERO)?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The name of an approval, of whoever asked first.
fn first_name(id: &str) -> String {
    format!("approval:{id}")
}

/// The name of an approval, of whoever has this place among those who join.
fn joined_name(id: &str, place: u32) -> String {
    format!("joined:{place}:{id}")
}
