//! The rows of the ledger as they are stored, which have more than reports show.

use openclaw_tests::Home;
use rusqlite::{Connection, OpenFlags};

/// A call of a model.
#[derive(Debug)]
pub(crate) struct Row {
    /// Empty where no run made it.
    pub(crate) run: String,
    pub(crate) agent: String,
    /// Empty where no session is named.
    pub(crate) session: String,
    pub(crate) outcome: String,
    pub(crate) input: i64,
    pub(crate) output: i64,
    pub(crate) cost_pico_usd: i64,
}

/// Those of a tenant, oldest first.
pub(crate) fn rows(home: &Home, tenant: &str) -> Vec<Row> {
    let file = home.path().join("control.db");
    let ledger = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the ledger");
    let rows = "SELECT coalesce(run, ''), agent, coalesce(session, ''), outcome, input_uncached, output_text,
        cost_pico_usd FROM usage_calls WHERE tenant = ?1 ORDER BY seq";
    let mut statement = ledger.prepare(rows).expect("its table");
    let found = statement.query_map([tenant], |row| {
        Ok(Row {
            run: row.get(0)?,
            agent: row.get(1)?,
            session: row.get(2)?,
            outcome: row.get(3)?,
            input: row.get(4)?,
            output: row.get(5)?,
            cost_pico_usd: row.get(6)?,
        })
    });
    found.expect("rows").map(|row| row.expect("a row")).collect()
}

/// Pico-USD as a report has them.
pub(crate) fn usd(pico: i64) -> String {
    const USD: i64 = 1_000_000_000_000;
    format!("{}.{:012}", pico / USD, pico % USD)
}
