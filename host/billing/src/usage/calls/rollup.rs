//! Sums of rows by hour, day and month, which reports read instead of the rows.
//!
//! Rows are rolled up in the order in which they were committed, some thousand a transaction, which
//! also moves the mark behind the last of them: each row is in the sums exactly once, a crash at any
//! point included.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use openclaw_control::ControlError;
use openclaw_tenancy::PicoUsd;
use rusqlite::{Connection, Result, Row, params};

use super::days::{Account, Counts, Day};
use super::limit;
use super::records::{Amounts, CallRow, Outcome};
use super::rows;
use super::sql::{Sum, parsed, signed, unsigned};
use crate::price::TokenCounts;
use crate::window::{CalendarUnit, Window, calendar_window, hour_window};

/// Rows a transaction: other writes wait for it.
const CHUNK: usize = 4_096;
const MARK: &str = "rolled_up";
const ZONE: &str = "zone";

/// The length of what a sum covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RollupUnit {
    Hour,
    Day,
    Month,
}

impl RollupUnit {
    pub(super) const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    pub fn name(self) -> &'static str {
        ["hour", "day", "month"][self as usize]
    }

    /// The window of this unit that a time lies in.
    pub fn window(self, at: Timestamp, zone: &TimeZone) -> Window {
        match self {
            Self::Hour => hour_window(at, zone),
            Self::Day => calendar_window(at, CalendarUnit::Day, zone),
            Self::Month => calendar_window(at, CalendarUnit::Month, zone),
        }
    }
}

/// What one sum is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) unit: &'static str,
    pub(crate) start_ms: i64,
    pub(crate) tenant: String,
    pub(crate) agent: String,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) rate_card_version: String,
}

/// The sums of some calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    pub requests: u64,
    pub estimated: u64,
    pub tokens: TokenCounts,
    pub tool_calls: u64,
    pub cost: PicoUsd,
}

impl Sums {
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.estimated += other.estimated;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.tool_calls += other.tool_calls;
        self.cost = self.cost.checked_add(other.cost).unwrap_or(PicoUsd::from_pico(u128::MAX));
    }

    fn of(row: &CallRow) -> Self {
        Self {
            requests: 1,
            estimated: u64::from(row.outcome == Outcome::Estimated),
            tokens: row.tokens,
            tool_calls: row.tool_calls,
            cost: row.cost,
        }
    }
}

/// Adds rows up; the windows of the row before are mostly those of the next.
pub(super) struct Adder<'z> {
    zone: &'z TimeZone,
    windows: [Option<Window>; 3],
    pub(super) sums: HashMap<Key, Sums>,
}

impl<'z> Adder<'z> {
    pub(super) fn new(zone: &'z TimeZone) -> Self {
        Self { zone, windows: [None, None, None], sums: HashMap::new() }
    }

    pub(super) fn add(&mut self, row: &CallRow) {
        for (unit, window) in RollupUnit::ALL.into_iter().zip(&mut self.windows) {
            let start = match window {
                Some(window) if window.holds(row.started_at) => window.start,
                _ => window.insert(unit.window(row.started_at, self.zone)).start,
            };
            let key = Key {
                unit: unit.name(),
                start_ms: start.as_millisecond(),
                tenant: row.caller.tenant.as_str().to_owned(),
                agent: row.caller.agent.clone(),
                provider: row.provider.clone(),
                model: row.model_requested.clone(),
                rate_card_version: row.rate_card_version.clone(),
            };
            self.sums.entry(key).or_default().add(&Sums::of(row));
        }
    }
}

/// Rolls up the next rows; true while there may be more.
pub(super) fn roll_up_some(db: &Connection, zone: &TimeZone) -> std::result::Result<bool, ControlError> {
    let mut adder = Adder::new(zone);
    let mut last = mark(db)?;
    let mut count = 0;
    {
        let mut statement = db.prepare_cached(&format!(
            "SELECT {}, seq FROM usage_calls WHERE seq > ?1 ORDER BY seq LIMIT {CHUNK}",
            rows::COLUMNS
        ))?;
        let mut found = statement.query([last])?;
        while let Some(row) = found.next()? {
            adder.add(&rows::read(row)?);
            last = row.get("seq")?;
            count += 1;
        }
    }
    if count == 0 {
        return Ok(false);
    }
    for (key, sums) in &adder.sums {
        add(db, key, sums)?;
    }
    rows::set_state(db, MARK, &last.to_string())?;
    Ok(count == CHUNK)
}

/// Whether there are rows that are not rolled up.
pub(super) fn is_behind(db: &Connection) -> Result<bool> {
    let last: Option<i64> = db.query_row("SELECT max(seq) FROM usage_calls", [], |row| row.get(0))?;
    Ok(last.unwrap_or_default() > mark(db)?)
}

/// The last row that is rolled up.
pub(super) fn mark(db: &Connection) -> Result<i64> {
    Ok(rows::state(db, MARK)?.and_then(|mark| mark.parse().ok()).unwrap_or_default())
}

/// After rows were removed that were rolled up: the mark must not lie beyond what comes next.
pub(super) fn set_mark_to_last(db: &Connection) -> std::result::Result<(), ControlError> {
    let last: i64 = db.query_row("SELECT ifnull(max(seq), 0) FROM usage_calls", [], |row| row.get(0))?;
    rows::set_state(db, MARK, &last.to_string())
}

fn add(db: &Connection, key: &Key, sums: &Sums) -> Result<()> {
    let tokens = sums.tokens.to_array().map(signed);
    let cost = Sum::of(sums.cost);
    db.prepare_cached(
        "INSERT INTO usage_rollups VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
         ?18) ON CONFLICT DO UPDATE SET requests = requests + ?8, estimated = estimated + ?9,
         input_uncached = input_uncached + ?10, input_cache_read = input_cache_read + ?11,
         input_cache_write = input_cache_write + ?12, input_cache_write_1h = input_cache_write_1h + ?13,
         output_text = output_text + ?14, output_reasoning = output_reasoning + ?15, tool_calls = tool_calls + ?16,
         cost_milli = cost_milli + ?17, cost_pico = cost_pico + ?18",
    )?
    .execute(params![
        key.unit,
        key.start_ms,
        key.tenant,
        key.agent,
        key.provider,
        key.model,
        key.rate_card_version,
        signed(sums.requests),
        signed(sums.estimated),
        tokens[0],
        tokens[1],
        tokens[2],
        tokens[3],
        tokens[4],
        tokens[5],
        signed(sums.tool_calls),
        cost.milli,
        cost.pico,
    ])
    .map(drop)
}

/// The sums of a unit that begin in `[start, next)`, in the order of their keys; of one tenant or all.
pub(crate) fn of_window(
    db: &Connection,
    unit: RollupUnit,
    range: (i64, i64),
    tenant: Option<&str>,
) -> Result<Vec<(Key, Sums)>> {
    some_of_window(db, unit, range, tenant, None)
}

/// The same, and no more of it than so many.
pub(crate) fn some_of_window(
    db: &Connection,
    unit: RollupUnit,
    (start_ms, next_ms): (i64, i64),
    tenant: Option<&str>,
    most: Option<usize>,
) -> Result<Vec<(Key, Sums)>> {
    let read = |row: &Row<'_>| {
        let key = Key {
            unit: unit.name(),
            start_ms: row.get(1)?,
            tenant: row.get(2)?,
            agent: row.get(3)?,
            provider: row.get(4)?,
            model: row.get(5)?,
            rate_card_version: row.get(6)?,
        };
        let sums = Sums {
            requests: unsigned(row, 7)?,
            estimated: unsigned(row, 8)?,
            tokens: rows::read_tokens(row, 9)?,
            tool_calls: unsigned(row, 15)?,
            cost: Sum::read(row, 16)?,
        };
        Ok((key, sums))
    };
    db.prepare_cached(&format!(
        "SELECT * FROM {} AND unit = ?1 AND start_ms >= ?2 AND start_ms < ?3
         ORDER BY start_ms, tenant, agent, provider, model, rate_card_version LIMIT ?5",
        of_whom(tenant),
    ))?
    .query_map(params![unit.name(), start_ms, next_ms, tenant, limit(most)], read)?
    .collect()
}

/// A statement for one tenant, by its own index, and another for all: one for both could use none.
pub(crate) fn of_whom(tenant: Option<&str>) -> &'static str {
    match tenant {
        Some(_) => "usage_rollups INDEXED BY usage_rollups_by_tenant WHERE tenant = ?4",
        None => "usage_rollups WHERE ?4 IS NULL",
    }
}

/// Begins the sums and the days anew where the ledger's zone is another than before: they are of
/// windows of the zone, the rows are not.
pub(super) fn adopt_zone(db: &Connection, zone: &TimeZone, name: &str) -> std::result::Result<(), ControlError> {
    if rows::state(db, ZONE)?.as_deref() == Some(name) {
        return Ok(());
    }
    db.execute_batch("DELETE FROM usage_rollups; DELETE FROM usage_days;")?;
    for (day, spent) in days_of_rows(db, zone, i64::MIN)? {
        day.account().add(db, day.start_ms, &Counts::settled(&Amounts::default(), &spent))?;
    }
    rows::set_state(db, MARK, "0")?;
    rows::set_state(db, ZONE, name)
}

/// What the rows since a time add up to, by account and day.
pub(super) fn days_of_rows(db: &Connection, zone: &TimeZone, since_ms: i64) -> Result<HashMap<Day, Amounts>> {
    let mut days = HashMap::new();
    let mut day: Option<Window> = None;
    let mut statement = db.prepare(
        "SELECT tenant, agent, started_at_ms, cost_pico_usd, input_uncached + input_cache_read + input_cache_write
                + input_cache_write_1h + output_text + output_reasoning, 0, component
         FROM usage_calls WHERE started_at_ms >= ?1
         UNION ALL SELECT tenant, agent, at_ms, 0, 0, amount, '' FROM usage_metered
         WHERE at_ms >= ?1 AND kind = 'sandbox_ms'",
    )?;
    let mut found = statement.query([since_ms])?;
    while let Some(row) = found.next()? {
        let (tenant, agent, component): (String, String, String) = (parsed(row, 0)?, row.get(1)?, row.get(6)?);
        let at = super::sql::time(row, 2)?;
        let start = match &day {
            Some(day) if day.holds(at) => day.start,
            _ => day.insert(calendar_window(at, CalendarUnit::Day, zone)).start,
        };
        let amounts =
            Amounts { cost: super::sql::read_pico(row, 3)?, tokens: unsigned(row, 4)?, sandbox_ms: unsigned(row, 5)? };
        for account in Account::of(&tenant, &agent, &component) {
            days.entry(Day::of(account, start.as_millisecond())).or_insert_with(Amounts::default).add(&amounts);
        }
    }
    Ok(days)
}
