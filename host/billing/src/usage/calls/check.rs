//! The invariants of the ledger: Σ rows = days = rollups, Σ open reservations = what is reserved, and
//! each row costs what its own card says.

use std::collections::HashMap;
use std::fmt;

use jiff::tz::TimeZone;
use rusqlite::{Connection, Result, Row};

use super::close::stored_card;
use super::days::{Account, Day, Used, used};
use super::records::Amounts;
use super::rollup::{Adder, RollupUnit, days_of_rows, mark, of_window};
use super::{open, rows};
use crate::card::RateCard;

/// Two numbers of the ledger that should be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy {
    /// Of what, by name.
    pub of: String,
    pub rows: String,
    pub kept: String,
}

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the rows say {}, the ledger keeps {}", self.of, self.rows, self.kept)
    }
}

/// All that does not agree since a time, which begins a month.
pub(super) fn check(db: &Connection, zone: &TimeZone, since_ms: i64) -> Result<Vec<Discrepancy>> {
    let mut found = days(db, zone, since_ms)?;
    found.extend(rollups_and_costs(db, zone, since_ms)?);
    found.sort_by(|a, b| a.of.cmp(&b.of));
    Ok(found)
}

fn days(db: &Connection, zone: &TimeZone, since_ms: i64) -> Result<Vec<Discrepancy>> {
    let spent = days_of_rows(db, zone, since_ms)?;
    let mut expected: HashMap<_, Used> =
        spent.into_iter().map(|(key, spent)| (key, Used { spent, reserved: Amounts::default() })).collect();
    let open = open::rows(db, None)?.into_iter().flat_map(|(_, calls)| calls);
    for open in open.filter(|open| open.day_ms >= since_ms) {
        for account in Account::of_caller(&open.caller) {
            expected.entry(Day::of(account, open.day_ms)).or_default().reserved.add(&open.amounts);
        }
    }
    let mut statement = db.prepare(
        "SELECT cost_milli, cost_pico, tokens, sandbox_ms, reserved_milli, reserved_pico, reserved_tokens,
                reserved_sandbox_ms, tenant, agent, component, day_ms FROM usage_days WHERE day_ms >= ?1",
    )?;
    let key = |row: &Row<'_>| -> Result<Day> {
        Ok(Day { tenant: row.get(8)?, agent: row.get(9)?, component: row.get(10)?, start_ms: row.get(11)? })
    };
    let kept =
        statement.query_map([since_ms], |row| Ok((key(row)?, used(row)?)))?.collect::<Result<HashMap<_, Used>>>()?;
    Ok(differences(&expected, &kept, |day| format!("{day:?}")))
}

fn rollups_and_costs(db: &Connection, zone: &TimeZone, since_ms: i64) -> Result<Vec<Discrepancy>> {
    let mut adder = Adder::new(zone);
    let mut cards: HashMap<String, Option<RateCard>> = HashMap::new();
    let mut found = Vec::new();
    let mut statement =
        db.prepare(&format!("SELECT {} FROM usage_calls WHERE started_at_ms >= ?1 AND seq <= ?2", rows::COLUMNS))?;
    let mut calls = statement.query([since_ms, mark(db)?])?;
    while let Some(row) = calls.next()? {
        let row = rows::read(row)?;
        if !cards.contains_key(&row.rate_card_version) {
            cards.insert(row.rate_card_version.clone(), stored_card(db, &row.rate_card_version)?);
        }
        let card = cards[&row.rate_card_version].as_ref();
        let rule = card.and_then(|card| card.rule(&row.model_requested, row.started_at).ok());
        let cost = rule.and_then(|rule| rule.prices.cost(&row.tokens).ok()).map(|cost| cost.total);
        // The cost of a lie is the worst case, which no list of tokens has to give.
        if cost != Some(row.cost) && row.outcome != super::records::Outcome::Estimated {
            found.push(Discrepancy {
                of: format!("call {}", row.id),
                rows: cost.map_or_else(|| "no price".to_owned(), |cost| cost.to_string()),
                kept: row.cost.to_string(),
            });
        }
        adder.add(&row);
    }
    let mut kept = HashMap::new();
    for unit in RollupUnit::ALL {
        kept.extend(of_window(db, unit, (since_ms, i64::MAX), None)?);
    }
    found.extend(differences(&adder.sums, &kept, |key| format!("rollup {key:?}")));
    Ok(found)
}

fn differences<K: std::hash::Hash + Eq, V: Default + PartialEq + fmt::Debug>(
    expected: &HashMap<K, V>,
    kept: &HashMap<K, V>,
    name: impl Fn(&K) -> String,
) -> Vec<Discrepancy> {
    let nothing = V::default();
    let keys = expected.keys().chain(kept.keys().filter(|key| !expected.contains_key(key)));
    keys.filter_map(|key| {
        let (rows, kept) = (expected.get(key).unwrap_or(&nothing), kept.get(key).unwrap_or(&nothing));
        (rows != kept).then(|| Discrepancy { of: name(key), rows: format!("{rows:?}"), kept: format!("{kept:?}") })
    })
    .collect()
}
