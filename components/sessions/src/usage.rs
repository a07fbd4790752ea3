//! `sessions.usage`: what sessions used, from the usage that models reported in
//! their transcripts. It is a view of the conversations, not the bill.

use crate::row::Row;
use crate::store::{SESSIONS, canonical, no_session};
use crate::transcript;
use openclaw_sdk::documents::{Database, Document, Order, Range};
use openclaw_sdk::{Call, Error, Result, now_ms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Usage {
    #[serde(default)]
    key: Option<String>,
    /// `YYYY-MM-DD` in UTC, inclusive.
    #[serde(default)]
    #[schemars(pattern(r"^\d{4}-\d{2}-\d{2}$"))]
    start_date: Option<String>,
    /// `YYYY-MM-DD` in UTC, inclusive.
    #[serde(default)]
    #[schemars(pattern(r"^\d{4}-\d{2}-\d{2}$"))]
    end_date: Option<String>,
    /// The most recently used sessions.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Accepted; nothing is known of a context's weight without a run.
    #[serde(default, rename = "includeContextWeight")]
    _include_context_weight: bool,
}

fn fifty() -> u32 {
    50
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Report {
    /// Unix milliseconds.
    updated_at: u64,
    start_date: Option<String>,
    end_date: Option<String>,
    totals: Totals,
    sessions: Vec<OfSession>,
    daily: Vec<OfDay>,
    by_model: Vec<OfModel>,
}

#[derive(Clone, Copy, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Totals {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    total_tokens: u64,
    messages: u64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct OfSession {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    updated_at: u64,
    usage: Totals,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct OfDay {
    date: String,
    usage: Totals,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct OfModel {
    provider: String,
    model: String,
    usage: Totals,
}

/// A transcript line, as far as it tells of usage.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    timestamp: String,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    provider: String,
    #[serde(default)]
    model: String,
    usage: Option<Reported>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Reported {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    total_tokens: u64,
}

impl Totals {
    fn add(&mut self, usage: Option<&Reported>) {
        self.messages += 1;
        if let Some(usage) = usage {
            self.input += usage.input;
            self.output += usage.output;
            self.cache_read += usage.cache_read;
            self.cache_write += usage.cache_write;
            self.total_tokens += usage.total_tokens;
        }
    }
}

pub(crate) fn usage(call: &Call, params: Usage) -> Result<Report> {
    for date in [&params.start_date, &params.end_date].into_iter().flatten() {
        check_date(date)?;
    }
    let database = call.documents()?;
    let mut sums = Sums::default();
    let mut sessions = Vec::new();
    for row in rows(&database, &params)? {
        let usage = match &row.session_id {
            Some(id) => sums.read(&database, &transcript::log_of(id), &params)?,
            None => Totals::default(),
        };
        sessions.push(OfSession {
            key: row.key,
            label: row.label,
            session_id: row.session_id,
            updated_at: row.updated_at,
            usage,
        });
    }
    Ok(Report {
        updated_at: now_ms(),
        start_date: params.start_date,
        end_date: params.end_date,
        totals: sums.totals,
        sessions,
        daily: sums.days.into_iter().map(|(date, usage)| OfDay { date, usage }).collect(),
        by_model: sums
            .models
            .into_iter()
            .map(|((provider, model), usage)| OfModel { provider, model, usage })
            .collect(),
    })
}

fn check_date(date: &str) -> Result<()> {
    let is_date = date.len() == 10
        && date.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    is_date.then_some(()).ok_or_else(|| Error::invalid("startDate and endDate are written YYYY-MM-DD"))
}

fn rows(database: &Database, params: &Usage) -> Result<Vec<Row>> {
    let collection = database.collection(SESSIONS);
    if let Some(key) = &params.key {
        let key = canonical(key)?;
        return Ok(vec![collection.get(&key)?.ok_or_else(|| no_session(&key))?]);
    }
    let newest = Range::first(params.limit.clamp(1, 1000), Order::RankDescending);
    collection.scan(&newest)?.documents.iter().map(Document::parse).collect()
}

/// The sums over all sessions.
#[derive(Default)]
struct Sums {
    totals: Totals,
    days: BTreeMap<String, Totals>,
    models: BTreeMap<(String, String), Totals>,
}

impl Sums {
    /// Adds a transcript; answers its own sum.
    #[allow(clippy::disallowed_methods, reason = "what this family wrote, into a type of its own")]
    fn read(&mut self, database: &Database, log: &str, params: &Usage) -> Result<Totals> {
        let mut own = Totals::default();
        transcript::for_each_page(database, log, |page| {
            for entry in page {
                let Ok(line) = serde_json::from_slice::<Line>(&entry.value) else {
                    continue;
                };
                let (Some(message), Some(day)) = (line.message, line.timestamp.get(..10)) else {
                    continue;
                };
                let is_wanted = params.start_date.as_deref().is_none_or(|start| day >= start)
                    && params.end_date.as_deref().is_none_or(|end| day <= end);
                if is_wanted {
                    self.add(day, &message);
                    own.add(message.usage.as_ref());
                }
            }
            Ok(())
        })?;
        Ok(own)
    }

    fn add(&mut self, day: &str, message: &Message) {
        let usage = message.usage.as_ref();
        self.totals.add(usage);
        self.days.entry(day.to_owned()).or_default().add(usage);
        if !message.model.is_empty() {
            let model = (message.provider.clone(), message.model.clone());
            self.models.entry(model).or_default().add(usage);
        }
    }
}
