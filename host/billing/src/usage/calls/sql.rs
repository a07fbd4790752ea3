//! Numbers and times as SQLite keeps them.

use jiff::Timestamp;
use openclaw_tenancy::PicoUsd;
use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};

/// Pico-USD in a thousandth of a dollar.
const MILLI: u128 = 1_000_000_000;

/// Money in two columns that can be added up separately.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum {
    pub(super) milli: i64,
    pub(super) pico: i64,
}

impl Sum {
    pub(super) fn of(amount: PicoUsd) -> Self {
        let part = |part: u128| i64::try_from(part).unwrap_or(i64::MAX);
        Self { milli: part(amount.pico() / MILLI), pico: part(amount.pico() % MILLI) }
    }

    /// Two columns; nothing for the sum of no rows.
    pub(super) fn read(row: &Row<'_>, first: usize) -> Result<PicoUsd> {
        let part = |column| row.get::<_, Option<i64>>(column).map(Option::unwrap_or_default);
        let sum = Self { milli: part(first)?, pico: part(first + 1)? };
        sum.amount().ok_or(Error::IntegralValueOutOfRange(first, sum.pico))
    }

    /// None of what is less than nothing.
    pub(super) fn amount(self) -> Option<PicoUsd> {
        let pico = i128::from(self.milli) * MILLI as i128 + i128::from(self.pico);
        u128::try_from(pico).ok().map(PicoUsd::from_pico)
    }
}

/// The cost of one row, which was checked to fit when it was priced.
pub(super) fn pico(cost: PicoUsd) -> i64 {
    i64::try_from(cost.pico()).unwrap_or(i64::MAX)
}

pub(super) fn read_pico(row: &Row<'_>, column: usize) -> Result<PicoUsd> {
    unsigned(row, column).map(|pico| PicoUsd::from_pico(pico.into()))
}

pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64> {
    let value = row.get::<_, Option<i64>>(column)?.unwrap_or_default();
    u64::try_from(value).map_err(|_| Error::IntegralValueOutOfRange(column, value))
}

pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    let millis = row.get(column)?;
    Timestamp::from_millisecond(millis).map_err(|_| Error::IntegralValueOutOfRange(column, millis))
}

pub(super) fn optional_time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?.map(|_| time(row, column)).transpose()
}

/// A text of the ledger's own that does not read back.
pub(super) fn parsed<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    row: &Row<'_>,
    column: usize,
) -> Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
