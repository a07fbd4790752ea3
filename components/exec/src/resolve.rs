//! `exec.approval.resolve`: the answer to who asked. The first one holds.

use crate::approvals::{ATTEMPTS, Approvals, Decision, busy};
use openclaw_sdk::{Call, Error, Result, now_ms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resolve {
    id: String,
    decision: Decision,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Resolved {
    ok: bool,
}

/// What the tenant's connections are told.
#[derive(Serialize)]
struct Told<'a> {
    id: &'a str,
    decision: Decision,
    /// Unix milliseconds.
    ts: u64,
}

pub(crate) fn resolve(call: &Call, Resolve { id, decision }: Resolve) -> Result<Resolved> {
    let approvals = Approvals::open(call)?;
    let over = || Error::not_found("no command waits for an approval of this id: it is unknown, decided or over");
    for _ in 0..ATTEMPTS {
        let pending = approvals.going_on_of(&id)?.ok_or_else(over)?;
        match approvals.settle(pending, Some(decision)) {
            Err(error) if error.is_conflict() => continue,
            settled => settled?,
        }
        call.events()?.publish("exec.approval.resolved", &Told { id: &id, decision, ts: now_ms() })?;
        return Ok(Resolved { ok: true });
    }
    Err(busy())
}
