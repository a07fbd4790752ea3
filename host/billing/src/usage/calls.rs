//! Model calls and whatever else is metered: reserved before, settled after, in `control.db`.
//!
//! Every decision is made on the database's one writer thread, inside the transaction that writes it
//! down. What is open when the ledger opens belongs to a process that is no more, and is estimated.

use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use openclaw_control::{Batch, ControlDb, ControlError};
use openclaw_tenancy::TenantId;
use rusqlite::{Connection, Transaction, params};

use super::{LedgerError, UsageLedger, rows as requests};
use crate::card::{RateCard, Unpriced};
use crate::price::{CostTooLarge, TokenCounts};
use crate::refusal::Refusal;
use crate::window::{CalendarUnit, Period, Window, calendar_window, zone_name};

mod admit;
mod check;
mod close;
mod days;
mod group;
mod meters;
mod open;
mod records;
mod reservation;
pub(crate) mod rollup;
mod rows;
mod schema;
mod sql;
#[cfg(test)]
mod tests;

use admit::{Asks, Concerned, Room, admit, sandbox_room};
use close::Lost;
use days::Owner;
use group::{Group, Groups};
use open::{OpenCalls, Reserved};
use records::Amounts;
use reservation::{Asked, Held, Writes};

pub use admit::{Limits, SoftLimit};
pub use check::Discrepancy;
pub(crate) use close::stored_card;
pub(crate) use meters::{of_window as metered, workloads_of_window as workloads};
pub use records::{CallId, CallRow, Caller, MeterKind, ModelCall, Outcome, Settlement, WorkloadUsage};
pub use reservation::{Reservation, SandboxReservation};
pub use rollup::{RollupUnit, Sums};
pub(crate) use sql::unsigned;

/// A quarter of an hour: refused calls are counted by it, since every zone's hours are made of them.
const QUARTER_MS: i64 = 900_000;
/// How often the ledger was opened.
const OPENINGS: &str = "owner";

/// Why a call may not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    #[error("{} is used up", .0.quota)]
    Refused(Box<Refusal>),
    #[error(transparent)]
    Unpriced(#[from] Unpriced),
    #[error(transparent)]
    TooLarge(#[from] CostTooLarge),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What the ledger knows of calls, beside its tables.
pub(super) struct Calls {
    card: RwLock<Arc<RateCard>>,
    /// The day that was last asked for.
    day: Mutex<Option<Window>>,
    open: Arc<OpenCalls>,
    /// What reserves calls and ends them.
    writes: Writes,
}

impl Calls {
    pub(super) fn open(control: &ControlDb, zone: &TimeZone, now: Timestamp) -> Result<Self, ControlError> {
        control.migrate("usage_calls", schema::STEPS)?;
        let (of_ledger, name) = (zone.clone(), zone_name(zone));
        let open = control.write_blocking(move |tx| {
            let before: i64 = rows::state(tx, OPENINGS)?.and_then(|openings| openings.parse().ok()).unwrap_or_default();
            rows::set_state(tx, OPENINGS, &(before + 1).to_string())?;
            let open = OpenCalls::new(before + 1);
            close::estimate_all(tx, &open, Lost::All, now)?;
            rollup::adopt_zone(tx, &of_ledger, &name)?;
            Ok(open)
        })?;
        let writes = Writes(Arc::new(Batch::new(control.clone(), Groups(Arc::clone(&open)))));
        Ok(Self { card: RwLock::new(Arc::new(RateCard::empty())), day: Mutex::default(), open, writes })
    }

    /// Removes all that is of a tenant.
    pub(super) fn forget(db: &Connection, tenant: &str, zone: &TimeZone) -> Result<(), ControlError> {
        // The mark is to be the last row's: first everything is rolled up that is before it.
        while rollup::roll_up_some(db, zone)? {}
        for table in ["calls", "open_calls", "days", "rollups", "refused_calls", "metered", "workloads"] {
            db.execute(&format!("DELETE FROM usage_{table} WHERE tenant = ?1"), [tenant])?;
        }
        rollup::set_mark_to_last(db)
    }
}

impl UsageLedger {
    /// Calls from now on have these prices; those that run keep theirs.
    pub async fn set_rate_card(&self, card: RateCard) -> Result<(), LedgerError> {
        let (version, text) = (card.version().to_owned(), card.text().to_owned());
        let store = move |tx: &Transaction<'_>| {
            tx.execute("INSERT INTO rate_cards VALUES (?1, ?2) ON CONFLICT DO NOTHING", [version, text])?;
            Ok(())
        };
        self.control.write(store).await?;
        *self.calls.card.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(card);
        Ok(())
    }

    /// The prices of the next call.
    pub fn rate_card(&self) -> Arc<RateCard> {
        Arc::clone(&self.calls.card.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets aside what a call costs at the most, durable when this answers. A refusal is counted
    /// before it is told, too.
    pub async fn reserve(&self, call: ModelCall, limits: Limits, now: Timestamp) -> Result<Reservation, ReserveError> {
        let (id, now) = (CallId::mint(now), to_millis(now));
        let card = self.rate_card();
        let prices = &card.rule(&call.model, now)?.prices;
        let (input_tokens, cache_writes) = (call.input_tokens, call.cache_writes);
        let worst = prices.worst_case(input_tokens, call.max_output_tokens, cache_writes)?;
        let reserved = Reserved {
            id,
            owners: Owner::of_caller(&call.caller),
            caller: call.caller,
            method: call.method,
            provider: call.provider,
            model: call.model,
            rate_card_version: card.version().to_owned(),
            tokens: worst.tokens,
            amounts: Amounts { cost: worst.cost, tokens: worst.tokens.total(), sandbox_ms: 0 },
            day_ms: self.day_ms(now),
            started_at: now,
            expires_at: call.expires_at,
        };
        let (of_card, most) = (Arc::clone(&card), call.max_output_tokens);
        let largest = move |reserved: &Reserved, room: Room| {
            let by_tokens = room.tokens.map_or(u64::MAX, |room| room.saturating_sub(input_tokens));
            let wanted = most.min(by_tokens);
            let Some(room) = room.cost else { return Some(wanted) };
            let prices = &of_card.rule(&reserved.model, reserved.started_at).ok()?.prices;
            Some(prices.largest_output(input_tokens, wanted, cache_writes, room))
        };
        let limits = limits.concerning(&reserved.owners, Asks::Model, (now, &self.zone));
        let (held, soft_limits) = self.admit(reserved, card, Asks::Model, limits, now, largest).await?;
        Ok(Reservation { held, soft_limits })
    }

    /// Sets aside the time that a sandboxed workload may take: as many of these milliseconds as the quotas leave, and
    /// none where they do not leave the fewest of them.
    pub async fn reserve_sandbox(
        &self,
        caller: Caller,
        time_ms: RangeInclusive<u64>,
        limits: Limits,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<SandboxReservation, ReserveError> {
        let (id, now) = (CallId::mint(now), to_millis(now));
        // A workload counts for its tenant and agent: what is metered is of no component.
        let caller = Caller { component: String::new(), ..caller };
        let reserved = Reserved {
            id,
            owners: Owner::of_caller(&caller),
            caller,
            method: String::new(),
            provider: String::new(),
            model: String::new(),
            rate_card_version: String::new(),
            tokens: TokenCounts::default(),
            amounts: Amounts { sandbox_ms: *time_ms.end(), ..Amounts::default() },
            day_ms: self.day_ms(now),
            started_at: now,
            expires_at,
        };
        let (card, asks) = (self.rate_card(), Asks::Sandbox { least_ms: *time_ms.start() });
        let limits = limits.concerning(&reserved.owners, asks, (now, &self.zone));
        let (held, _) = self.admit(reserved, card, asks, limits, now, |_, _| None).await?;
        Ok(SandboxReservation { held })
    }

    /// Where the caller goes away meanwhile, what was reserved is given back.
    async fn admit(
        &self,
        reserved: Reserved,
        card: Arc<RateCard>,
        asks: Asks,
        limits: Vec<Concerned>,
        now: Timestamp,
        largest: impl Fn(&Reserved, Room) -> Option<u64> + Send + 'static,
    ) -> Result<(Held, Vec<SoftLimit>), ReserveError> {
        let asked = Asked::new(reserved, self.calls.writes.clone());
        let (reserved, prices, zone) = (Arc::clone(&asked.reserved), Arc::clone(&card), self.zone.clone());
        let told = Arc::clone(&asked.cohort);
        let decide = move |group: &mut Group<'_>| {
            let mut call = Arc::clone(&reserved);
            if let Asks::Sandbox { least_ms } = asks
                && let Some(room) = sandbox_room(group, &limits)?
            {
                let granted = call.amounts.sandbox_ms.min(room).max(least_ms);
                Arc::make_mut(&mut call).amounts.sandbox_ms = granted;
            }
            match admit(group, &call, &limits, now, &largest)? {
                Ok(soft_limits) => {
                    let cohort = group.reserve(&call)?;
                    told.store(cohort.seq, Ordering::Relaxed);
                    Ok(Ok((cohort, call.amounts, soft_limits)))
                }
                Err(refusal) => {
                    let rule = prices.rule(&call.model, now).ok().filter(|_| asks == Asks::Model);
                    count_refusal(group.db, &call, rule.map_or("", |rule| rule.entry), refusal.quota, &zone)?;
                    Ok(Err(refusal))
                }
            }
        };
        match self.calls.writes.0.write(decide).await.map_err(LedgerError::from)? {
            Ok((cohort, amounts, soft_limits)) => Ok((asked.admitted(cohort, amounts, card), soft_limits)),
            Err(refusal) => {
                asked.refused();
                Err(ReserveError::Refused(refusal))
            }
        }
    }

    /// Estimates the calls that are open past their time; for a timer. Answers how many.
    pub async fn expire(&self, now: Timestamp) -> Result<usize, LedgerError> {
        let open = Arc::clone(&self.calls.open);
        Ok(self.control.write(move |tx| Ok(close::estimate_all(tx, &open, Lost::Expired, now)?)).await?)
    }

    /// Counts tools that an agent used.
    pub async fn meter_tools(&self, caller: Caller, count: u64, at: Timestamp) -> Result<(), LedgerError> {
        Ok(self.control.write(move |tx| Ok(meters::add_tools(tx, &caller, count, at)?)).await?)
    }

    /// Counts the size of a tenant's directory, as it is measured.
    pub async fn meter_storage(&self, tenant: &TenantId, bytes: u64, at: Timestamp) -> Result<(), LedgerError> {
        let tenant = tenant.as_str().to_owned();
        Ok(self.control.write(move |tx| Ok(meters::insert_storage(tx, &tenant, bytes, at)?)).await?)
    }

    /// A name that no other event has.
    pub fn mint_id(now: Timestamp) -> CallId {
        CallId::mint(now)
    }

    /// Brings the sums up to date; reports do so themselves.
    pub async fn roll_up(&self) -> Result<(), LedgerError> {
        while self.control.read(|db| Ok(rollup::is_behind(db)?)).await? {
            let zone = self.zone.clone();
            self.control.write(move |tx| rollup::roll_up_some(tx, &zone)).await?;
        }
        Ok(())
    }

    /// Whether the ledger agrees with itself: from the month of `since` on, or from the first row.
    /// Quick enough for every start with the running month.
    pub async fn check(&self, since: Option<Timestamp>) -> Result<Vec<Discrepancy>, LedgerError> {
        self.roll_up().await?;
        let zone = self.zone.clone();
        let since_ms =
            since.map_or(i64::MIN, |since| calendar_window(since, CalendarUnit::Month, &zone).start.as_millisecond());
        Ok(self.control.read(move |db| Ok(check::check(db, &zone, since_ms)?)).await?)
    }

    /// The same of a database that is open elsewhere too; writes nothing. What was never metered agrees.
    pub fn inspect(control: &ControlDb, zone: &TimeZone) -> Result<Vec<Discrepancy>, LedgerError> {
        let read = |db: &Connection| {
            let exists = "SELECT count(*) FROM sqlite_schema WHERE name = 'usage_rollups'";
            let tables: i64 = db.query_row(exists, [], |row| row.get(0))?;
            Ok(if tables == 0 { Vec::new() } else { check::check(db, zone, i64::MIN)? })
        };
        Ok(control.read_blocking(read)?)
    }

    /// The row of a call, whosever it is.
    pub async fn call(&self, id: CallId) -> Result<Option<CallRow>, LedgerError> {
        let read = move |db: &Connection| {
            let tenants: Vec<String> = db
                .prepare("SELECT DISTINCT tenant FROM usage_days")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            for tenant in tenants {
                if let Some(row) = rows::find(db, &tenant, id)? {
                    return Ok(Some(row));
                }
            }
            Ok(None)
        };
        Ok(self.control.read(read).await?)
    }

    /// The beginning of the day; of most calls that of the call before.
    fn day_ms(&self, now: Timestamp) -> i64 {
        let mut day = self.calls.day.lock().unwrap_or_else(PoisonError::into_inner);
        let day = match &mut *day {
            Some(day) if day.holds(now) => day,
            day => day.insert(calendar_window(now, CalendarUnit::Day, &self.zone)),
        };
        day.start.as_millisecond()
    }
}

/// Some of the calls that a question is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Page {
    /// Those whose ids are later.
    pub(crate) after: Option<CallId>,
    pub(crate) most: Option<usize>,
}

/// The calls of a tenant (or of all) that were admitted in `[start, next)`, a page of them in the order of their ids.
/// An id begins with the time at which its call was admitted: of one tenant no more is read than is asked for.
pub(crate) fn page_between(
    db: &Connection,
    tenant: Option<&str>,
    (start_ms, next_ms): (i64, i64),
    page: Page,
    mut each: impl FnMut(CallRow),
) -> rusqlite::Result<()> {
    let whose = if tenant.is_some() { "tenant = ?1 AND id >= ?4 AND id < ?5" } else { "?1 IS NULL AND ?4 < ?5" };
    let mut statement = db.prepare_cached(&format!(
        "SELECT {} FROM usage_calls WHERE {whose} AND started_at_ms >= ?2 AND started_at_ms < ?3 AND id > ?6
         ORDER BY tenant, id LIMIT ?7",
        rows::COLUMNS
    ))?;
    let mut found = statement.query(params![
        tenant,
        start_ms,
        next_ms,
        CallId::first_at(start_ms).to_string(),
        CallId::first_at(next_ms).to_string(),
        page.after.map(|id| id.to_string()).unwrap_or_default(),
        limit(page.most),
    ])?;
    while let Some(row) = found.next()? {
        each(rows::read(row)?);
    }
    Ok(())
}

#[cfg(test)]
fn calls_between(
    db: &Connection,
    tenant: Option<&str>,
    range: (i64, i64),
    each: impl FnMut(CallRow),
) -> rusqlite::Result<()> {
    page_between(db, tenant, range, Page::default(), each)
}

/// As SQL has it.
pub(crate) fn limit(most: Option<usize>) -> i64 {
    most.map_or(-1, |most| i64::try_from(most).unwrap_or(i64::MAX))
}

/// By the card's `entry` (empty for a workload), and of no agent: a client names models and agents as it likes.
fn count_refusal(db: &Connection, call: &Reserved, entry: &str, quota: &str, zone: &TimeZone) -> rusqlite::Result<()> {
    let at_ms = call.started_at.as_millisecond();
    requests::add_refusal(db, &call.caller.tenant, Period::of(call.started_at, zone), quota, at_ms)?;
    db.prepare_cached(
        "INSERT INTO usage_refused_calls VALUES (?1, ?2, '', ?3, ?4, ?5, 1) ON CONFLICT DO UPDATE SET
         refused = refused + 1",
    )?
    .execute(params![
        at_ms - at_ms.rem_euclid(QUARTER_MS),
        call.caller.tenant.as_str(),
        call.provider,
        entry,
        call.rate_card_version,
    ])
    .map(drop)
}

/// What the ledger keeps of a time.
fn to_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
