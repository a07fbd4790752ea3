//! `memory_search` and `memory_write`: what the agent itself remembers, by the family `memory`. Neither takes an
//! agent's name: a model reaches the memory of the agent that runs and no other.

use super::{Tool, Toolbox, read};
use openclaw_sdk::{Error, Result, now_ms, rfc3339, ulid};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) const MEMORY_SEARCH: Tool = Tool {
    name: "memory_search",
    group: "group:memory",
    description: "Searches what you remember from earlier conversations and notes.",
    arguments: || {
        let properties = json!({
            "query": { "type": "string" },
            "max_results": { "type": "integer", "minimum": 1, "maximum": 50 },
        });
        (properties, &["query"])
    },
    run: search,
};

pub(super) const MEMORY_WRITE: Tool = Tool {
    name: "memory_write",
    group: "group:memory",
    description: "Remembers a text for later conversations. Without a path it is a note of its own; with one it takes the \
        place of what was remembered there.",
    arguments: || (json!({ "text": { "type": "string" }, "path": { "type": "string" } }), &["text"]),
    run: write,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    query: String,
    #[serde(default)]
    max_results: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Write {
    text: String,
    #[serde(default)]
    path: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    results: Vec<Remembered>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Remembered {
    path: String,
    start_line: u32,
    end_line: u32,
    text: String,
}

fn search(toolbox: &Toolbox<'_>, arguments: Value) -> Result<String> {
    let Search { query, max_results } = read(arguments)?;
    let mut params = json!({ "agentId": toolbox.agent, "query": query });
    if let Some(most) = max_results {
        params["maxResults"] = most.into();
    }
    let found: Found = toolbox.call.methods()?.call("memory.search", &params)?;
    if found.results.is_empty() {
        return Ok("(nothing is remembered of that)".to_owned());
    }
    let shown = |hit: &Remembered| format!("{}:{}-{}\n{}", hit.path, hit.start_line, hit.end_line, hit.text);
    Ok(found.results.iter().map(shown).collect::<Vec<_>>().join("\n\n"))
}

fn write(toolbox: &Toolbox<'_>, arguments: Value) -> Result<String> {
    let Write { text, path } = read(arguments)?;
    if text.trim().is_empty() {
        return Err(Error::invalid("text is empty"));
    }
    let path = path.unwrap_or_else(|| format!("memory/{}-{}.md", day(), ulid()));
    let params = json!({ "agentId": toolbox.agent, "path": path, "text": text });
    let _: Value = toolbox.call.methods()?.call("memory.put", &params)?;
    Ok(format!("remembered as {path}"))
}

/// As `2026-03-01`.
fn day() -> String {
    rfc3339(now_ms()).chars().take(10).collect()
}
