//! The places of the calls that wait for an answer. They are fewer than the calls that a tenant has at once, so that
//! whoever answers finds room; those who join take none from those who ask.

use crate::approvals::Approvals;
use openclaw_sdk::tasks::Claim;
use openclaw_sdk::{Error, Result};
use std::time::Duration;

/// How many calls wait that were the first to ask: as many as a tenant has tasks, each of which may be a run.
const ASK: u32 = 16;

/// How many wait for what others asked.
const JOIN: u32 = 8;

pub(crate) struct Place {
    /// The claim of the approval's id, of whoever asked first.
    pub(crate) first: Option<Claim>,
    _place: Claim,
}

impl Place {
    /// Takes a place among those who wait, and the name of the approval where nobody has it.
    pub(crate) fn take(approvals: &Approvals, id: &str) -> Result<Self> {
        let first = approvals.claim(id, Duration::ZERO)?;
        let (kind, most) = if first.is_some() { ("asks", ASK) } else { ("joins", JOIN) };
        for n in 0..most {
            if let Some(place) = approvals.tasks.claim(&format!("{kind}:{n}"), Duration::ZERO)? {
                return Ok(Self { first, _place: place });
            }
        }
        Err(Error::unavailable(format!("{most} calls wait for an approval already"), Some(5_000)))
    }
}
