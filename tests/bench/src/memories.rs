//! P12: `memory.search` among 100,000 chunks, over HTTP, beside sqlite-vec alone on the same vectors with the same
//! query.
//!
//! The gateway's side embeds the query, looks at the agent's files, searches by words too and answers the texts.

use std::{convert::Infallible, path::Path, time::Instant};

use anyhow::{Result, ensure};
use openclaw_models::hashed;
use openclaw_tenancy::Home;
use openclaw_vectors::{IndexId, Item, Store, add_sqlite_vec};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::{
    Setting,
    daemon::Server,
    home::{BenchHome, TENANT},
    report::{Report, Row, Verdict, micros},
    stats::Latency,
};

/// Chunks for each tenant that the setting calls many: 100,000.
const CHUNKS: usize = 10;
/// Chunks that are written at once.
const BATCH: usize = 1_000;
/// Searches of one round of the setting.
const SEARCHES: usize = 10;
const RESULTS: usize = 10;
/// Words that there are, and those of a chunk.
const WORDS: usize = 10_000;
const LENGTH: usize = 8;
const TARGET: f64 = 1.15;

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let home = BenchHome::make(&setting.daemon, 1, 0)?;
    let texts: Vec<String> = (0..setting.tenants * CHUNKS).map(text).collect();
    let token = &home.tokens[0];
    // The family's own rows, of which the chunks below are more.
    let mut server = Server::daemon(&setting.daemon, &home.path())?;
    server.connect()?.call(token, "memory.put", r#"{"path":"bench.md","text":"begun"}"#)?;
    server.stop()?;
    fill(&home.path(), &texts)?;
    let alone = Alone::of(&home.path().with_extension("sqlite"), &texts)?;

    let mut server = Server::daemon(&setting.daemon, &home.path())?;
    let mut connection = server.connect()?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for number in 0..SEARCHES * setting.rounds {
        let query = text(number * 31 + 7);
        let vector = hashed::embed(&query);
        bare.push(timed(|| alone.search(&vector))?);
        let params = json!({ "query": query, "maxResults": RESULTS, "minScore": 0.0 }).to_string();
        ours.push(timed(|| {
            let found = connection.call(token, "memory.search", &params)?;
            let count = found["results"].as_array().map_or(0, Vec::len);
            ensure!(count == RESULTS, "{count} results");
            Ok(())
        })?);
    }
    let (ours, bare) = (Latency::of(ours), Latency::of(bare));
    let ratio = ours.p50 / bare.p50;
    report.row(Row {
        id: "P12",
        what: format!("memory.search, top {RESULTS} of {} × {}, p50", texts.len(), hashed::DIMENSIONS),
        measured: micros(ours.p50),
        baseline: format!("sqlite-vec {}", micros(bare.p50)),
        ratio: Some(ratio),
        target: format!("≤ {TARGET} ×"),
        verdict: Verdict::of(ratio <= TARGET),
    });
    report.details("P12", json!({ "gatewayUs": ours, "sqliteVecUs": bare, "chunks": texts.len() }));
    drop(connection);
    server.stop()
}

/// Words by a fixed rule that looks like none.
fn text(number: usize) -> String {
    let word = |place: usize| format!("word{}", (number * 7919 + place * 104_729 + number * place * 13) % WORDS);
    (0..LENGTH).map(word).collect::<Vec<_>>().join(" ")
}

/// Into the index of the tenant's main agent, as the family writes it.
fn fill(home: &Path, texts: &[String]) -> Result<()> {
    let (home, store) = (Home::open(home)?, Store::default());
    let id = IndexId { tenant: TENANT.parse()?, family: "memory".parse()?, name: "main".parse()? };
    let place = home.tenant_dir(&id.tenant)?.index(&id.family, &id.name)?;
    let index = store.index(id, hashed::DIMENSIONS, move || Ok::<_, Infallible>(place.clone()));
    let attributes = json!({ "path": "bench.md", "source": "memory", "startLine": 1, "endLine": 1 }).to_string();
    for (batch, first) in texts.chunks(BATCH).zip((0..).step_by(BATCH)) {
        let items = batch.iter().zip(first..).map(|(text, number): (_, usize)| Item {
            id: format!("chunk {number}"),
            vector: hashed::embed(text),
            text: text.clone(),
            attributes: attributes.clone().into_bytes(),
        });
        index.upsert(&items.collect::<Vec<_>>())?;
    }
    store.close_all();
    Ok(())
}

/// sqlite-vec as its documentation shows it.
struct Alone(Connection);

impl Alone {
    fn of(file: &Path, texts: &[String]) -> Result<Self> {
        let mut connection = Connection::open(file)?;
        add_sqlite_vec(&connection)?;
        let dimensions = hashed::DIMENSIONS;
        connection.execute_batch(&format!(
            "CREATE VIRTUAL TABLE vectors USING vec0(embedding float[{dimensions}] distance_metric=cosine)"
        ))?;
        let transaction = connection.transaction()?;
        for text in texts {
            let mut insert = transaction.prepare_cached("INSERT INTO vectors (embedding) VALUES (?1)")?;
            insert.execute([bytes(&hashed::embed(text))])?;
        }
        transaction.commit()?;
        Ok(Self(connection))
    }

    fn search(&self, vector: &[f32]) -> Result<()> {
        let mut statement =
            self.0.prepare_cached("SELECT rowid, distance FROM vectors WHERE embedding MATCH ?1 AND k = ?2")?;
        let rows = statement.query_map(params![bytes(vector), RESULTS.cast_signed()], |row| row.get::<_, i64>(0))?;
        let found = rows.collect::<rusqlite::Result<Vec<_>>>()?.len();
        ensure!(found == RESULTS, "{found} results");
        Ok(())
    }
}

fn bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Nanoseconds.
fn timed(act: impl FnOnce() -> Result<()>) -> Result<u64> {
    let began = Instant::now();
    act()?;
    Ok(u64::try_from(began.elapsed().as_nanos())?)
}
