//! P10 and P11: calls settled in a second, and the report of a month with ten million of them.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use openclaw_billing::{
    CacheWrites, Caller, Limits, ModelCall, Outcome, Query, RateCard, Settlement, TokenCounts, UsageLedger,
};
use openclaw_config::File;
use openclaw_control::{ControlDb, Durability};
use rusqlite::{Connection, params, params_from_iter, types::Value};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{
    Setting,
    report::{Report, Row, Verdict, micros, rate},
    stats::median,
};

/// Tasks that settle at once, and rows of a baseline's transaction.
const TASKS: usize = 64;
const SHARE: f64 = 0.5;

/// The month of P11, and the most that its report may take.
const MONTH: &str = "2026-11";
const BEGIN_MS: i64 = 1_793_491_200_000;
const TARGET: Duration = Duration::from_secs(1);
/// Rows a transaction.
const CHUNK: u64 = 500_000;

const CARD: &str = "small: {input: 1, output: 2}\n";

pub(crate) fn settling(setting: &Setting, report: &mut Report) -> Result<()> {
    let directory = tempfile::Builder::new().prefix("openclaw-bench-").tempdir()?;
    let runtime = Runtime::new()?;
    let (ledger, control) = open(&runtime, &directory.path().join("control.db"))?;
    runtime.block_on(settle(&ledger))?;
    let mut bare = Bare::open(&directory.path().join("bare.db"), &control)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..setting.rounds {
        ours.push(runtime.block_on(settle_for(&ledger, setting.round))?);
        theirs.push(bare.insert_for(setting.round)?);
    }
    let (settled, inserted) = (median(ours.iter().copied()), median(theirs.iter().copied()));
    report.row(Row {
        id: "P10",
        what: format!("rows reserved and settled, {TASKS} tasks"),
        measured: rate(settled),
        baseline: format!("insert {}", rate(inserted)),
        ratio: Some(settled / inserted),
        target: format!("≥ {SHARE} ×"),
        verdict: Verdict::of(settled / inserted >= SHARE),
    });
    report.details("P10", json!({ "settledPerSecond": ours, "insertedPerSecond": theirs }));
    Ok(())
}

fn open(runtime: &Runtime, path: &Path) -> Result<(Arc<UsageLedger>, ControlDb)> {
    // As in the gateway: what is asked for is answered by its runtime.
    let _context = runtime.enter();
    let control = ControlDb::open(path, Durability::Process)?;
    let ledger = Arc::new(UsageLedger::open(control.clone(), TimeZone::UTC)?);
    let card = RateCard::parse(File { name: "card", text: CARD })?;
    runtime.block_on(ledger.set_rate_card(card))?;
    Ok((ledger, control))
}

/// Rows a second: each durable twice, as a reservation and as a row.
async fn settle_for(ledger: &Arc<UsageLedger>, time: Duration) -> Result<f64> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let mut rows = 0_u32;
                while begun.elapsed() < time {
                    settle(&ledger).await?;
                    rows += 1;
                }
                anyhow::Ok(rows)
            })
        })
        .collect();
    let mut rows = 0.0;
    for task in tasks {
        rows += f64::from(task.await??);
    }
    Ok(rows / begun.elapsed().as_secs_f64())
}

async fn settle(ledger: &UsageLedger) -> Result<()> {
    let now = Timestamp::now();
    let call = ModelCall {
        caller: Caller {
            tenant: "t0".parse()?,
            agent: "main".into(),
            session: None,
            run: None,
            component: String::new(),
        },
        method: "bench".into(),
        provider: "up".into(),
        model: "small".into(),
        input_tokens: 100,
        max_output_tokens: 100,
        cache_writes: CacheWrites::Never,
        expires_at: now + 10.minutes(),
    };
    let limits = Limits::default();
    let mut reservation = ledger.reserve(call, limits, now).await?;
    reservation.mark_sent();
    let settlement = Settlement {
        outcome: Outcome::Ok,
        tokens: TokenCounts { input_uncached: 90, output_text: 40, ..TokenCounts::default() },
        tool_calls: 0,
        model_served: None,
        provider_request_id: None,
        first_token_at: Some(now),
        ended_at: now,
    };
    reservation.settle(settlement).await?;
    Ok(())
}

/// The ledger's rows of calls as somebody writes them who has nothing else to do: in its table, each a copy of one of its
/// rows with another id.
struct Bare {
    connection: Connection,
    insert: String,
    row: Vec<Value>,
    id: usize,
    /// In their order, as the ledger's are.
    ids: ulid::Generator,
}

impl Bare {
    /// With the ledger's durability. The ledger has a row already.
    fn open(path: &Path, control: &ControlDb) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")?;
        let (table, columns, row) = control.read_blocking(|db| {
            let table: String =
                db.query_row("SELECT sql FROM sqlite_schema WHERE name = 'usage_calls'", [], |row| row.get(0))?;
            let mut rows = db.prepare("SELECT * FROM usage_calls LIMIT 1")?;
            let columns: Vec<String> = rows.column_names().map(str::to_owned).collect();
            let row = rows.query_row([], |row| (0..columns.len()).map(|column| row.get(column)).collect())?;
            Ok((table, columns, row))
        })?;
        connection.execute_batch(&table)?;
        let places: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
        let insert = format!("INSERT INTO usage_calls ({}) VALUES ({})", columns.join(", "), places.join(", "));
        let mut row: Vec<Value> = row;
        row[column(&columns, "seq")?] = Value::Null;
        Ok(Self { connection, insert, row, id: column(&columns, "id")?, ids: ulid::Generator::new() })
    }

    /// Rows a second, in transactions of [`TASKS`].
    fn insert_for(&mut self, time: Duration) -> Result<f64> {
        let begun = Instant::now();
        let mut rows = 0_u32;
        while begun.elapsed() < time {
            let transaction = self.connection.unchecked_transaction()?;
            let mut insert = transaction.prepare_cached(&self.insert)?;
            for _ in 0..TASKS {
                self.row[self.id] = self.ids.generate()?.to_string().into();
                insert.execute(params_from_iter(&self.row))?;
                rows += 1;
            }
            drop(insert);
            transaction.commit()?;
        }
        Ok(f64::from(rows) / begun.elapsed().as_secs_f64())
    }
}

fn column(columns: &[String], name: &str) -> Result<usize> {
    columns.iter().position(|column| column == name).with_context(|| format!("calls have no {name}"))
}

pub(crate) fn reporting(setting: &Setting, report: &mut Report) -> Result<()> {
    let directory = tempfile::Builder::new().prefix("openclaw-bench-").tempdir()?;
    let runtime = Runtime::new()?;
    let (ledger, control) = open(&runtime, &directory.path().join("control.db"))?;
    for first in (0..setting.usage_rows).step_by(usize::try_from(CHUNK)?) {
        fill(&control, first, CHUNK.min(setting.usage_rows - first))?;
    }
    let begun = Instant::now();
    runtime.block_on(ledger.roll_up())?;
    let rolled_up = begun.elapsed();
    let query = Query {
        tenant: None,
        span: MONTH.parse()?,
        now: Timestamp::from_millisecond(BEGIN_MS)?,
        currency: "USD".into(),
        most_lines: None,
    };
    let mut ours = Vec::new();
    for _ in 0..setting.rounds {
        let begun = Instant::now();
        let table = runtime.block_on(ledger.report(&query))?;
        ours.push(begun.elapsed().as_secs_f64());
        let counted: u64 = requests(&table.to_json())?;
        ensure!(counted == setting.usage_rows, "the report has {counted} of {} rows", setting.usage_rows);
    }
    let begun = Instant::now();
    scan(&control)?;
    let scanned = begun.elapsed().as_secs_f64();
    let took = median(ours.iter().copied());
    report.row(Row {
        id: "P11",
        what: format!("report of a month with {} rows", setting.usage_rows),
        measured: micros(took * 1e6),
        baseline: format!("SQL sum {}", micros(scanned * 1e6)),
        ratio: Some(took / scanned),
        target: format!("≤ {} s", TARGET.as_secs()),
        verdict: Verdict::of(took <= TARGET.as_secs_f64()),
    });
    report.details(
        "P11",
        json!({ "reportSeconds": ours, "rollUpSeconds": rolled_up.as_secs_f64(), "scanSeconds": scanned }),
    );
    Ok(())
}

/// Rows of a hundred tenants over four weeks, as the ledger writes them.
fn fill(control: &ControlDb, first: u64, count: u64) -> Result<()> {
    let (first, count) = (i64::try_from(first)?, i64::try_from(count)?);
    control.write_blocking(move |tx| {
        tx.execute(
            "WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1 + ?2)
             INSERT INTO usage_calls (tenant, id, agent, method, provider, model_requested, input_uncached,
                 input_cache_read, input_cache_write, input_cache_write_1h, output_text, output_reasoning, tool_calls,
                 cost_pico_usd, rate_card_version, started_at_ms, ended_at_ms, outcome)
             SELECT 't' || (i % 100), printf('%026d', i), 'main', 'bench', 'up', 'model' || (i % 5), 90, 10, 0, 0, 40,
                 0, 0, 180000000, 'card', ?3 + (i % 2419200) * 1000, ?3 + (i % 2419200) * 1000 + 500, 'ok' FROM n",
            params![first, count, BEGIN_MS],
        )?;
        Ok(())
    })?;
    Ok(())
}

/// The same sums from the rows themselves.
fn scan(control: &ControlDb) -> Result<()> {
    let groups: i64 = control.read_blocking(|db: &Connection| {
        Ok(db.query_row(
            "SELECT count(*) FROM (SELECT tenant, provider, model_requested, count(*), sum(input_uncached),
             sum(output_text), sum(cost_pico_usd) FROM usage_calls GROUP BY 1, 2, 3)",
            [],
            |row| row.get(0),
        )?)
    })?;
    ensure!(groups > 0, "there are no rows");
    Ok(())
}

fn requests(table: &serde_json::Value) -> Result<u64> {
    let rows = table.as_array().context("a report without rows")?;
    Ok(rows.iter().filter_map(|row| row["requests"].as_u64()).sum())
}
