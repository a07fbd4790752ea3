//! `memory.search`

use crate::entry::Place;
use crate::files::Source;
use crate::memory::Memory;
use crate::sync::sync;
use openclaw_sdk::log;
use openclaw_sdk::vectors::{Hit, Query};
use openclaw_sdk::{Call, Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const RESULTS: u32 = 6;
const MIN_SCORE: f32 = 0.35;
const VECTOR_WEIGHT: f32 = 0.7;

/// Longest text that is searched for, in bytes.
const QUERY_BYTES: usize = 8 << 10;

/// How many more are looked at where only one source counts.
const OF_ONE_SOURCE: u32 = 8;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Search {
    query: String,
    /// The default agent where it is left out.
    #[serde(default)]
    agent_id: Option<String>,
    /// 6 where it is left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 50))]
    max_results: Option<u32>,
    /// 0.35 where it is left out.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    min_score: Option<f32>,
    /// Both where it is left out.
    #[serde(default)]
    source: Option<Source>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Found {
    results: Vec<Remembered>,
    provider: String,
    model: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Remembered {
    id: String,
    path: String,
    source: Source,
    start_line: u32,
    end_line: u32,
    /// 0.7 of how near the vectors are, and 0.3 of how well the words match.
    score: f32,
    text: String,
}

pub(crate) fn search(call: &Call, params: Search) -> Result<Found> {
    if params.query.trim().is_empty() || params.query.len() > QUERY_BYTES {
        return Err(Error::invalid(format!("query has 1 to {QUERY_BYTES} bytes")));
    }
    let memory = Memory::of_agent(call, params.agent_id)?;
    bring_up_to_date(&memory);
    let (wanted, least) = (params.max_results.unwrap_or(RESULTS), params.min_score.unwrap_or(MIN_SCORE));
    let limit = if params.source.is_some() { wanted * OF_ONE_SOURCE } else { wanted };
    let mut results = Vec::new();
    for hit in hits(&memory, &params.query, limit)? {
        let remembered = Remembered::of(hit)?;
        if remembered.score >= least && params.source.is_none_or(|source| source == remembered.source) {
            results.push(remembered);
        }
    }
    results.truncate(wanted as usize);
    Ok(Found { results, provider: memory.provider(), model: memory.model.name.clone() })
}

/// What cannot be indexed now does not keep what is from being found.
fn bring_up_to_date(memory: &Memory<'_>) {
    let synced = memory.claim_within(Duration::ZERO).and_then(|claim| match claim {
        Some(_claim) => sync(memory, false).map(drop),
        None => Ok(()),
    });
    if let Err(error) = synced {
        log::warn(&format!("the memory of {} is searched as it is: {}", memory.agent, error.message));
    }
}

fn hits(memory: &Memory<'_>, query: &str, limit: u32) -> Result<Vec<Hit>> {
    let Some(model) = memory.files.model()? else { return Ok(Vec::new()) };
    // By its words alone where nobody makes a vector of it now, or those of the index are another model's.
    let vector = if model == memory.model { memory.vector(query).or_else(without)? } else { Vec::new() };
    let index = memory.call.vectors(&memory.agent, model.dimensions)?;
    index.search(&Query { vector, text: query.to_owned(), limit, vector_weight: VECTOR_WEIGHT })
}

fn without(error: Error) -> Result<Vec<f32>> {
    if matches!(&*error.code, "UNAVAILABLE" | "QUOTA_EXCEEDED") {
        log::warn(&format!("a memory is searched by words alone: {}", error.message));
        return Ok(Vec::new());
    }
    Err(error)
}

impl Remembered {
    fn of(hit: Hit) -> Result<Self> {
        let place: Place = hit.parse()?;
        Ok(Self {
            // As it is told: the number is what stands behind the path.
            id: hit.id.replace('\u{1}', "#"),
            path: place.path,
            source: place.source,
            start_line: place.start_line,
            end_line: place.end_line,
            score: hit.score,
            text: hit.text,
        })
    }
}
