//! Questions to the ledger, answered as tables. The same rows give the same bytes: no table holds the
//! time of the question, and every one is sorted.
//!
//! Sums come from the rollups, so a month of ten million calls is a few rows; only the export of calls
//! and a rerating read the calls themselves.

use std::collections::BTreeMap;

use jiff::Timestamp;
use openclaw_tenancy::{PicoUsd, TenantId};
use rusqlite::{Connection, params};

use crate::card::RateCard;
use crate::price::Cost;
use crate::usage::calls::rollup::{Key, some_of_window};
use crate::usage::calls::{
    CallId, CallRow, MeterKind, Page, RollupUnit, Sums, metered, page_between, stored_card, unsigned,
};
use crate::usage::{LedgerError, UsageLedger};
use crate::window::{ReportSpan, Window};

#[cfg(test)]
mod bounds_tests;
mod table;
#[cfg(test)]
mod tests;

pub use table::{Cell, Table};

/// What is asked about.
#[derive(Debug, Clone)]
pub struct Query {
    /// One tenant, or all.
    pub tenant: Option<TenantId>,
    pub span: ReportSpan,
    /// What `current-month` is reckoned from.
    pub now: Timestamp,
    /// `billing.currency`, the label of the amounts.
    pub currency: String,
    /// What would read more lines than these is refused.
    pub most_lines: Option<usize>,
}

/// A row, and the prices that make up its cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowExplanation {
    pub row: CallRow,
    /// The card's entry, `default` for a model without one; none where the card is not known any more.
    pub entry: Option<String>,
    pub valid_from: Option<Timestamp>,
    pub cost: Option<Cost>,
}

/// Calls that are one line of a report.
type Line = (String, String, String, String);

impl UsageLedger {
    /// A line each tenant, provider, model and card.
    pub async fn report(&self, query: &Query) -> Result<Table, LedgerError> {
        let window = query.span.window(query.now, self.zone());
        let sums = self.sums(query, unit_of(query.span)).await?;
        let mut lines: BTreeMap<Line, (Sums, u64)> = BTreeMap::new();
        for (key, sums) in &sums {
            lines.entry(line(key)).or_default().0.add(sums);
        }
        for (line, refused) in self.refused(query, &window).await? {
            lines.entry(line).or_default().1 += refused;
        }
        let mut table = Table::new(&[
            "period_start",
            "period_end",
            "tz",
            "tenant",
            "provider",
            "model",
            "rate_card_version",
            "requests",
            "refused",
            "input_uncached",
            "input_cache_read",
            "input_cache_write",
            "output",
            "output_reasoning",
            "cost_usd",
            "estimated_rows",
            "currency",
        ]);
        for ((tenant, provider, model, version), (sums, refused)) in lines {
            let tokens = sums.tokens;
            table.push(vec![
                Cell::Time(window.start),
                Cell::Time(window.next),
                Cell::Text(window.tz.clone()),
                Cell::Text(tenant),
                Cell::Text(provider),
                Cell::Text(model),
                Cell::Text(version),
                Cell::Count(sums.requests),
                Cell::Count(refused),
                Cell::Count(tokens.input_uncached),
                Cell::Count(tokens.input_cache_read),
                Cell::Count(tokens.input_cache_write.saturating_add(tokens.input_cache_write_1h)),
                Cell::Count(tokens.output_text),
                Cell::Count(tokens.output_reasoning),
                Cell::Usd(sums.cost),
                Cell::Count(sums.estimated),
                Cell::Text(query.currency.clone()),
            ]);
        }
        Ok(table)
    }

    /// A line each tenant, with what else is metered.
    pub async fn summary(&self, query: &Query) -> Result<Table, LedgerError> {
        let window = query.span.window(query.now, self.zone());
        let mut tenants: BTreeMap<String, (Sums, u64)> = BTreeMap::new();
        for (key, sums) in self.sums(query, unit_of(query.span)).await? {
            tenants.entry(key.tenant).or_default().0.add(&sums);
        }
        for ((tenant, ..), refused) in self.refused(query, &window).await? {
            tenants.entry(tenant).or_default().1 += refused;
        }
        for tenant in self.metered_tenants(query, &window).await? {
            tenants.entry(tenant).or_default();
        }
        let mut table = Table::new(&[
            "period_start",
            "period_end",
            "tz",
            "tenant",
            "requests",
            "refused",
            "input_tokens",
            "output_tokens",
            "tool_calls",
            "sandbox_ms",
            "tools_run",
            "storage_bytes",
            "cost_usd",
            "estimated_rows",
            "currency",
        ]);
        for (tenant, (sums, refused)) in tenants {
            let (of, at) = (tenant.clone(), window.clone());
            let meters = move |db: &Connection| {
                let [sandbox, tools, storage] = MeterKind::ALL.map(|kind| metered(db, &of, kind, &at));
                Ok([sandbox?, tools?, storage?])
            };
            let [sandbox_ms, tools, storage] = self.control().read(meters).await?;
            table.push(vec![
                Cell::Time(window.start),
                Cell::Time(window.next),
                Cell::Text(window.tz.clone()),
                Cell::Text(tenant),
                Cell::Count(sums.requests),
                Cell::Count(refused),
                Cell::Count(sums.tokens.input()),
                Cell::Count(sums.tokens.output()),
                Cell::Count(sums.tool_calls),
                Cell::Count(sandbox_ms),
                Cell::Count(tools),
                Cell::Count(storage),
                Cell::Usd(sums.cost),
                Cell::Count(sums.estimated),
                Cell::Text(query.currency.clone()),
            ]);
        }
        Ok(table)
    }

    /// A line each hour, day or month, tenant and agent.
    pub async fn rollup(&self, query: &Query, unit: RollupUnit) -> Result<Table, LedgerError> {
        let mut lines: BTreeMap<(i64, String, String), Sums> = BTreeMap::new();
        for (key, sums) in self.sums(query, unit).await? {
            lines.entry((key.start_ms, key.tenant, key.agent)).or_default().add(&sums);
        }
        let mut table = Table::new(&[
            "start",
            "tenant",
            "agent",
            "requests",
            "input_tokens",
            "output_tokens",
            "cost_usd",
            "estimated_rows",
        ]);
        for ((start_ms, tenant, agent), sums) in lines {
            table.push(vec![
                Cell::Time(Timestamp::from_millisecond(start_ms).unwrap_or(Timestamp::MIN)),
                Cell::Text(tenant),
                Cell::Text(agent),
                Cell::Count(sums.requests),
                Cell::Count(sums.tokens.input()),
                Cell::Count(sums.tokens.output()),
                Cell::Usd(sums.cost),
                Cell::Count(sums.estimated),
            ]);
        }
        Ok(table)
    }

    /// A line each call.
    pub async fn calls(&self, query: &Query) -> Result<Table, LedgerError> {
        Ok(table_of(self.rows(query).await?))
    }

    /// The first lines of that, or those behind a call.
    pub async fn calls_after(&self, query: &Query, after: Option<CallId>, most: usize) -> Result<Table, LedgerError> {
        Ok(table_of(self.page(query, Page { after, most: Some(most) }).await?))
    }

    /// Which prices gave the cost of one call.
    pub async fn explain(&self, id: CallId) -> Result<Option<RowExplanation>, LedgerError> {
        let Some(row) = self.call(id).await? else { return Ok(None) };
        let version = row.rate_card_version.clone();
        let card = self.control().read(move |db| Ok(stored_card(db, &version)?)).await?;
        let rule = card.as_ref().and_then(|card| card.rule(&row.model_requested, row.started_at).ok());
        let cost = rule.and_then(|rule| rule.prices.cost(&row.tokens).ok());
        let entry = rule.map(|rule| rule.entry.to_owned());
        let valid_from = rule.and_then(|rule| rule.prices.valid_from());
        Ok(Some(RowExplanation { entry, valid_from, cost, row }))
    }

    /// What the calls would have cost by another card. Nothing is changed: history is not rewritten.
    pub async fn rerate(&self, query: &Query, card: &RateCard) -> Result<Table, LedgerError> {
        #[derive(Default)]
        struct Rerated {
            requests: u64,
            unpriced: u64,
            before: PicoUsd,
            after: PicoUsd,
        }
        let mut lines: BTreeMap<(String, String), Rerated> = BTreeMap::new();
        let most = PicoUsd::from_pico(u128::MAX);
        for row in self.rows(query).await? {
            let rule = card.rule(&row.model_requested, row.started_at).ok();
            let cost = rule.and_then(|rule| rule.prices.cost(&row.tokens).ok()).map(|cost| cost.total);
            let line = lines.entry((row.caller.tenant.to_string(), row.model_requested)).or_default();
            line.requests += 1;
            line.unpriced += u64::from(cost.is_none());
            line.before = line.before.checked_add(row.cost).unwrap_or(most);
            line.after = line.after.checked_add(cost.unwrap_or(row.cost)).unwrap_or(most);
        }
        let mut table = Table::new(&[
            "tenant",
            "model",
            "rate_card_version",
            "requests",
            "unpriced",
            "cost_usd",
            "rerated_usd",
            "delta_usd",
        ]);
        for ((tenant, model), line) in lines {
            table.push(vec![
                Cell::Text(tenant),
                Cell::Text(model),
                Cell::Text(card.version().to_owned()),
                Cell::Count(line.requests),
                Cell::Count(line.unpriced),
                Cell::Usd(line.before),
                Cell::Usd(line.after),
                Cell::Delta { from: line.before, to: line.after },
            ]);
        }
        Ok(table)
    }

    async fn sums(&self, query: &Query, unit: RollupUnit) -> Result<Vec<(Key, Sums)>, LedgerError> {
        self.roll_up().await?;
        let ((range, tenant), most) = (self.range(query), query.beyond());
        let read = move |db: &Connection| Ok(some_of_window(db, unit, range, tenant.as_deref(), most)?);
        query.within(self.control().read(read).await?)
    }

    async fn rows(&self, query: &Query) -> Result<Vec<CallRow>, LedgerError> {
        query.within(self.page(query, Page { after: None, most: query.beyond() }).await?)
    }

    async fn page(&self, query: &Query, page: Page) -> Result<Vec<CallRow>, LedgerError> {
        let (range, tenant) = self.range(query);
        let read = move |db: &Connection| {
            let mut rows = Vec::new();
            page_between(db, tenant.as_deref(), range, page, |row| rows.push(row))?;
            Ok(rows)
        };
        Ok(self.control().read(read).await?)
    }

    fn range(&self, query: &Query) -> ((i64, i64), Option<String>) {
        let window = query.span.window(query.now, self.zone());
        let tenant = query.tenant.as_ref().map(|tenant| tenant.as_str().to_owned());
        ((window.start.as_millisecond(), window.next.as_millisecond()), tenant)
    }

    async fn refused(&self, query: &Query, window: &Window) -> Result<Vec<(Line, u64)>, LedgerError> {
        let tenant = query.tenant.as_ref().map(|tenant| tenant.as_str().to_owned());
        let (start, next) = (window.start.as_millisecond(), window.next.as_millisecond());
        let read = move |db: &Connection| {
            // A refused workload has no model, and no line.
            let whose = whose(tenant.as_deref());
            let found = db
                .prepare_cached(&format!(
                    "SELECT tenant, provider, model, rate_card_version, sum(refused) FROM usage_refused_calls
                     WHERE {whose} AND quarter_ms >= ?2 AND quarter_ms < ?3 AND model <> ''
                     GROUP BY tenant, provider, model, rate_card_version",
                ))?
                .query_map(params![tenant, start, next], |row| {
                    Ok(((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?), unsigned(row, 4)?))
                })?
                .collect::<rusqlite::Result<_>>()?;
            Ok(found)
        };
        Ok(self.control().read(read).await?)
    }

    async fn metered_tenants(&self, query: &Query, window: &Window) -> Result<Vec<String>, LedgerError> {
        let tenant = query.tenant.as_ref().map(|tenant| tenant.as_str().to_owned());
        let (start, next) = (window.start.as_millisecond(), window.next.as_millisecond());
        let read = move |db: &Connection| {
            let whose = whose(tenant.as_deref());
            let found = db
                .prepare_cached(&format!(
                    "SELECT DISTINCT tenant FROM usage_metered WHERE {whose} AND at_ms >= ?2 AND at_ms < ?3"
                ))?
                .query_map(params![tenant, start, next], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            Ok(found)
        };
        Ok(self.control().read(read).await?)
    }
}

impl Query {
    /// One line more than may be: whether there are too many shows by that one.
    fn beyond(&self) -> Option<usize> {
        self.most_lines.map(|most| most.saturating_add(1))
    }

    fn within<T>(&self, lines: Vec<T>) -> Result<Vec<T>, LedgerError> {
        match self.most_lines {
            Some(most) if lines.len() > most => Err(LedgerError::TooManyLines(most)),
            _ => Ok(lines),
        }
    }
}

/// A statement for one tenant, and another for all: one for both could use no index.
fn whose(tenant: Option<&str>) -> &'static str {
    if tenant.is_some() { "tenant = ?1" } else { "?1 IS NULL" }
}

/// A line each call.
fn table_of(rows: Vec<CallRow>) -> Table {
    let mut table = Table::new(&[
        "timestamp",
        "tenant_id",
        "model",
        "input_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "output_tokens",
        "reasoning_tokens",
        "tool_calls",
        "request_id",
        "cost_usd",
    ]);
    for row in rows {
        let tokens = row.tokens;
        table.push(vec![
            Cell::Time(row.started_at),
            Cell::Text(row.caller.tenant.to_string()),
            Cell::Text(row.model_requested),
            Cell::Count(tokens.input_uncached),
            Cell::Count(tokens.input_cache_read),
            Cell::Count(tokens.input_cache_write.saturating_add(tokens.input_cache_write_1h)),
            Cell::Count(tokens.output_text),
            Cell::Count(tokens.output_reasoning),
            Cell::Count(row.tool_calls),
            Cell::Text(row.id.to_string()),
            Cell::Usd(row.cost),
        ]);
    }
    table
}

impl RowExplanation {
    /// A line each class of tokens, one for the call itself where it has a price, and the sum.
    pub fn to_table(&self) -> Table {
        let mut table = Table::new(&["class", "tokens", "usd_per_token", "cost_usd", "rule"]);
        let Some(cost) = &self.cost else { return table };
        let mut rule = format!("{} of card {}", self.entry.as_deref().unwrap_or_default(), self.row.rate_card_version);
        if let Some(from) = self.valid_from {
            rule += &format!(", valid from {from}");
        }
        if let Some(above) = cost.above_input_tokens {
            rule += &format!(", above {above} input tokens");
        }
        for line in cost.lines.iter().filter(|line| line.tokens > 0) {
            table.push(vec![
                Cell::Text(line.class.name().to_owned()),
                Cell::Count(line.tokens),
                Cell::Usd(line.price.per_token()),
                Cell::Usd(line.cost),
                Cell::Text(rule.clone()),
            ]);
        }
        if cost.per_request > PicoUsd::ZERO {
            let class = Cell::Text("per_request".to_owned());
            table.push(vec![class, Cell::Missing, Cell::Missing, Cell::Usd(cost.per_request), Cell::Text(rule)]);
        }
        let total = Cell::Count(self.row.tokens.total());
        let outcome = Cell::Text(self.row.outcome.name().to_owned());
        table.push(vec![Cell::Text("total".to_owned()), total, Cell::Missing, Cell::Usd(self.row.cost), outcome]);
        table
    }
}

fn unit_of(span: ReportSpan) -> RollupUnit {
    if matches!(span, ReportSpan::Days { .. }) { RollupUnit::Day } else { RollupUnit::Month }
}

fn line(key: &Key) -> Line {
    (key.tenant.clone(), key.provider.clone(), key.model.clone(), key.rate_card_version.clone())
}
