//! Rows of calls, and values of the ledger's own.

use std::sync::Arc;

use jiff::Timestamp;
use openclaw_control::ControlError;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Result, Row, params};

use super::records::{CallId, CallRow, Caller, IdText, Outcome};
use super::sql::{optional_time, parsed, pico, read_pico, signed, time, unsigned};
use crate::price::TokenCounts;

macro_rules! columns {
    () => {
        "id, tenant, agent, session, run, method, provider, model_requested, model_served, provider_request_id,
         input_uncached, input_cache_read, input_cache_write, input_cache_write_1h, output_text, output_reasoning,
         tool_calls, cost_pico_usd, rate_card_version, started_at_ms, first_token_at_ms, ended_at_ms, outcome,
         component"
    };
}

/// What [`read`] reads, in its order.
pub(super) const COLUMNS: &str = columns!();

/// What [`Insert`] runs.
const INSERT: &str = concat!(
    "INSERT INTO usage_calls (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
     ?23, ?24) ON CONFLICT DO NOTHING"
);

pub(super) fn read(row: &Row<'_>) -> Result<CallRow> {
    let outcome: String = row.get(22)?;
    Ok(CallRow {
        id: parsed(row, 0)?,
        caller: read_caller(row, 23)?,
        method: row.get(5)?,
        provider: row.get(6)?,
        model_requested: row.get(7)?,
        model_served: row.get(8)?,
        provider_request_id: row.get(9)?,
        tokens: read_tokens(row, 10)?,
        tool_calls: unsigned(row, 16)?,
        cost: read_pico(row, 17)?,
        rate_card_version: row.get(18)?,
        started_at: time(row, 19)?,
        first_token_at: optional_time(row, 20)?,
        ended_at: optional_time(row, 21)?,
        outcome: Outcome::of_name(&outcome).ok_or(rusqlite::Error::InvalidQuery)?,
    })
}

/// From the columns behind a row's id, and the component's own.
fn read_caller(row: &Row<'_>, component: usize) -> Result<Caller> {
    Ok(Caller {
        tenant: parsed(row, 1)?,
        agent: row.get(2)?,
        session: row.get(3)?,
        run: row.get(4)?,
        component: row.get(component)?,
    })
}

pub(super) fn read_tokens(row: &Row<'_>, first: usize) -> Result<TokenCounts> {
    let mut counts = [0; 6];
    for (class, count) in counts.iter_mut().enumerate() {
        *count = unsigned(row, first + class)?;
    }
    Ok(TokenCounts::from_array(counts))
}

/// What writes rows of calls. What is the same as in the row before is bound already.
pub(super) struct Insert<'tx> {
    statement: CachedStatement<'tx>,
    bound: Option<Arc<CallRow>>,
}

impl<'tx> Insert<'tx> {
    pub(super) fn new(db: &'tx Connection) -> Result<Self> {
        Ok(Self { statement: db.prepare_cached(INSERT)?, bound: None })
    }

    /// False where a row of this name is there already, which stays.
    pub(super) fn run(&mut self, row: &Arc<CallRow>) -> Result<bool> {
        self.statement.raw_bind_parameter(1, row.id.text(&mut IdText::default()))?;
        // None again where one of them fails.
        let before = self.bound.take();
        let before = before.as_deref().map(values);
        for (place, value) in values(row).into_iter().enumerate() {
            if before.is_none_or(|before| before[place] != value) {
                self.statement.raw_bind_parameter(place + 2, ToSqlOutput::Borrowed(value))?;
            }
        }
        self.bound = Some(Arc::clone(row));
        Ok(self.statement.raw_execute()? > 0)
    }
}

/// Of the columns behind a row's id, in their order.
fn values(row: &CallRow) -> [ValueRef<'_>; 23] {
    let [uncached, cache_read, cache_write, cache_write_1h, text, reasoning] = row.tokens.to_array().map(integer);
    let millisecond = |time: Timestamp| ValueRef::Integer(time.as_millisecond());
    [
        row.caller.tenant.as_str().into(),
        row.caller.agent.as_str().into(),
        row.caller.session.as_deref().into(),
        row.caller.run.as_deref().into(),
        row.method.as_str().into(),
        row.provider.as_str().into(),
        row.model_requested.as_str().into(),
        row.model_served.as_deref().into(),
        row.provider_request_id.as_deref().into(),
        uncached,
        cache_read,
        cache_write,
        cache_write_1h,
        text,
        reasoning,
        integer(row.tool_calls),
        ValueRef::Integer(pico(row.cost)),
        row.rate_card_version.as_str().into(),
        millisecond(row.started_at),
        row.first_token_at.map_or(ValueRef::Null, millisecond),
        row.ended_at.map_or(ValueRef::Null, millisecond),
        row.outcome.name().into(),
        row.caller.component.as_str().into(),
    ]
}

fn integer(count: u64) -> ValueRef<'static> {
    ValueRef::Integer(signed(count))
}

pub(super) fn find(db: &Connection, tenant: &str, id: CallId) -> Result<Option<CallRow>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM usage_calls WHERE tenant = ?1 AND id = ?2"))?
        .query_row(params![tenant, id.to_string()], read)
        .optional()
}

/// The card of a version, as it was stored.
pub(super) fn card_text(db: &Connection, version: &str) -> Result<Option<String>> {
    db.query_row("SELECT card FROM rate_cards WHERE version = ?1", [version], |row| row.get(0)).optional()
}

/// A value of the ledger's own.
pub(super) fn state(db: &Connection, key: &str) -> Result<Option<String>> {
    db.query_row("SELECT value FROM usage_state WHERE key = ?1", [key], |row| row.get(0)).optional()
}

pub(super) fn set_state(db: &Connection, key: &str, value: &str) -> std::result::Result<(), ControlError> {
    db.execute("INSERT INTO usage_state VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2", [key, value])?;
    Ok(())
}

#[cfg(test)]
mod tests;
