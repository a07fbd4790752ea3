//! `sessions.list`: one scan, newest first. Without a filter no row is parsed:
//! its stored bytes are spliced into the answer.

use crate::row::{Details, Row};
use crate::store::{self, SESSIONS};
use openclaw_sdk::documents::{Database, Document, Order, Range};
use openclaw_sdk::{Call, Encoded, Result, now_ms, rfc3339};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct List {
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    #[serde(default)]
    offset: u32,
    /// Only sessions used in the last minutes.
    #[serde(default)]
    #[schemars(range(min = 1))]
    active_minutes: Option<u64>,
    #[serde(default)]
    include_global: bool,
    #[serde(default)]
    include_unknown: bool,
    #[serde(default)]
    include_derived_titles: bool,
    #[serde(default)]
    include_last_message: bool,
    /// The whole label.
    #[serde(default)]
    label: Option<String>,
    /// The key of the session that made it.
    #[serde(default)]
    spawned_by: Option<String>,
    #[serde(default)]
    agent_id: Option<String>,
    /// A part of key, label, name, subject or session id, in any case.
    #[serde(default)]
    search: Option<String>,
}

fn hundred() -> u32 {
    100
}

/// The result of `sessions.list`, as its schema; the answer itself is spliced.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Sessions {
    /// Unix milliseconds.
    ts: u64,
    /// Relative to the tenant's directory.
    path: String,
    /// How many rows this answer has.
    count: usize,
    defaults: Defaults,
    sessions: Vec<Row>,
}

/// What a session uses that has no settings of its own.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Defaults {
    pub(crate) model_provider: Option<String>,
    pub(crate) model: Option<String>,
    context_tokens: Option<u64>,
}

/// `agents.defaults` of the configuration, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AgentDefaults {
    model: Option<Model>,
    context_tokens: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Model {
    Name(String),
    Chain { primary: Option<String> },
}

pub(crate) fn list(call: &Call, params: List) -> Result<Encoded<Sessions>> {
    let database = call.documents()?;
    let now = now_ms();
    let rows = Selection::new(&params, now).rows(&database)?;
    let details = if params.include_derived_titles || params.include_last_message {
        store::details_of(&database, &rows)?
    } else {
        Vec::new()
    };
    let mut json = Vec::with_capacity(rows.iter().map(|row| row.value.len() + 1).sum::<usize>() + 256);
    json.extend_from_slice(b"{\"ts\":");
    serde_json::to_writer(&mut json, &now)?;
    json.extend_from_slice(b",\"path\":\"sessions\",\"count\":");
    serde_json::to_writer(&mut json, &rows.len())?;
    json.extend_from_slice(b",\"defaults\":");
    serde_json::to_writer(&mut json, &defaults(call)?)?;
    json.extend_from_slice(b",\"sessions\":[");
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        match details.get(index) {
            None => json.extend_from_slice(&row.value),
            Some(details) => serde_json::to_writer(&mut json, &with_details(row, details, &params)?)?,
        }
    }
    json.extend_from_slice(b"]}");
    Ok(Encoded::new(json))
}

/// What the configuration says a session uses.
pub(crate) fn defaults(call: &Call) -> Result<Defaults> {
    let Some(configured) = call.config()?.effective::<AgentDefaults>("/agents/defaults")? else {
        return Ok(Defaults::default());
    };
    let name = match configured.model {
        Some(Model::Name(name)) => Some(name),
        Some(Model::Chain { primary }) => primary,
        None => None,
    };
    let (model_provider, model) = name.as_deref().map(split_model).unwrap_or_default();
    Ok(Defaults { model_provider, model, context_tokens: configured.context_tokens })
}

/// `provider/model`, or a model alone.
pub(crate) fn split_model(name: &str) -> (Option<String>, Option<String>) {
    match name.split_once('/') {
        Some((provider, model)) => (Some(provider.into()), Some(model.into())),
        None => (None, Some(name.into())),
    }
}

fn with_details(document: &Document, details: &Details, params: &List) -> Result<Row> {
    let mut row: Row = document.parse()?;
    if params.include_derived_titles {
        row.derived_title = title(&row, details);
    }
    if params.include_last_message {
        row.last_message_preview.clone_from(&details.last_message_preview);
    }
    Ok(row)
}

fn title(row: &Row, details: &Details) -> Option<String> {
    let named = [&row.display_name, &row.subject, &details.derived_title];
    named.into_iter().flatten().next().cloned().or_else(|| {
        let id = row.session_id.as_deref()?;
        let short: String = id.chars().take(8).collect();
        let date = rfc3339(row.updated_at);
        Some(format!("{short} ({})", date.get(..10)?))
    })
}

/// Which sessions the caller asked for.
struct Selection<'a> {
    params: &'a List,
    search: Option<String>,
    prefix: String,
    /// Unix milliseconds; nothing older is wanted.
    oldest: i64,
}

impl<'a> Selection<'a> {
    fn new(params: &'a List, now: u64) -> Self {
        let agent = params.agent_id.as_deref();
        Self {
            params,
            search: params.search.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_lowercase),
            prefix: agent.map_or(String::new(), |id| format!("agent:{}:", id.to_lowercase())),
            oldest: params
                .active_minutes
                .map_or(i64::MIN, |minutes| now.saturating_sub(minutes.saturating_mul(60_000)).cast_signed()),
        }
    }

    /// The documents of the page, newest first.
    fn rows(&self, database: &Database) -> Result<Vec<Document>> {
        let wanted = self.params.limit.clamp(1, 1000) as usize;
        let mut to_skip = self.params.offset;
        let mut rows = Vec::new();
        // Two more for `global` and `unknown`, which are mostly left out.
        let page = self.params.limit.saturating_add(self.params.offset).saturating_add(2);
        let range = Range::first(page.clamp(1, 1000), Order::RankDescending).with_prefix(&*self.prefix);
        database.collection(SESSIONS).scan_all(range, |document| {
            if document.rank < self.oldest {
                return Ok(false);
            }
            if self.wants(database, &document)? {
                match to_skip {
                    0 => rows.push(document),
                    _ => to_skip -= 1,
                }
            }
            Ok(rows.len() < wanted)
        })?;
        Ok(rows)
    }

    fn wants(&self, database: &Database, document: &Document) -> Result<bool> {
        let shown = match document.key.as_str() {
            "global" => self.params.include_global,
            "unknown" => self.params.include_unknown,
            _ => true,
        };
        Ok(shown && self.has_words(document)? && self.was_spawned(database, &document.key)?)
    }

    fn has_words(&self, document: &Document) -> Result<bool> {
        if self.params.label.is_none() && self.search.is_none() {
            return Ok(true);
        }
        let row: Row = document.parse()?;
        let is_labelled = self.params.label.is_none() || row.label == self.params.label;
        let is_found = self.search.as_deref().is_none_or(|search| {
            [&row.label, &row.display_name, &row.subject, &row.session_id]
                .into_iter()
                .flatten()
                .chain([&row.key])
                .any(|text| text.to_lowercase().contains(search))
        });
        Ok(is_labelled && is_found)
    }

    fn was_spawned(&self, database: &Database, key: &str) -> Result<bool> {
        let Some(parent) = &self.params.spawned_by else {
            return Ok(true);
        };
        let details: Option<Details> = database.collection(store::DETAILS).get(key)?;
        Ok(details.and_then(|details| details.spawned_by).as_ref() == Some(parent))
    }
}

#[cfg(test)]
mod tests;
