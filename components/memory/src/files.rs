//! The rows of an agent's files: what of them is in the index.
//!
//! Collection `files`, by `<agent>/<path>`; collection `models`, by agent: what the vectors were made by. A row says
//! before its items change how many there may be, so that a change that was cut short leaves none that nobody knows of.

use crate::model::Model;
use openclaw_sdk::documents::{Database, Order, PAGE_LIMIT, Range};
use openclaw_sdk::{Call, Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const FILES: &str = "files";
const MODELS: &str = "models";

/// Longest path, in bytes.
const PATH: usize = 400;

/// Most files of an agent.
pub(crate) const MOST: usize = 2_000;

/// What a text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    #[default]
    Memory,
    Sessions,
}

/// Where the text of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
    /// Among the agent's files.
    Agent,
    /// In the tenant's workspace.
    Workspace,
    /// It was put here.
    Put,
}

/// A file as it was indexed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) source: Source,
    pub(crate) origin: Origin,
    pub(crate) size: u64,
    pub(crate) modified_ms: u64,
    /// When it was looked at.
    pub(crate) seen_ms: u64,
    /// Empty while its items change.
    pub(crate) hash: String,
    /// How many items it has, at the most while they change.
    pub(crate) chunks: u32,
}

/// By path.
pub(crate) type Rows = BTreeMap<String, Row>;

pub(crate) struct Files {
    database: Database,
    prefix: String,
    agent: String,
}

impl Files {
    pub(crate) fn open(call: &Call, agent: &str) -> Result<Self> {
        Ok(Self { database: call.documents()?, prefix: format!("{agent}/"), agent: agent.to_owned() })
    }

    /// Every file by its path.
    pub(crate) fn all(&self) -> Result<Rows> {
        let mut rows = Rows::new();
        let range = Range::first(PAGE_LIMIT, Order::KeyAscending).with_prefix(&*self.prefix);
        self.database.collection(FILES).scan_all(range, |document| {
            let path = document.key[self.prefix.len()..].to_owned();
            rows.insert(path, document.parse()?);
            Ok(true)
        })?;
        Ok(rows)
    }

    pub(crate) fn get(&self, path: &str) -> Result<Option<Row>> {
        self.database.collection(FILES).get(&self.key(path))
    }

    pub(crate) fn count(&self) -> Result<u64> {
        self.database.collection(FILES).count(&self.prefix)
    }

    pub(crate) fn put(&self, path: &str, row: &Row) -> Result<()> {
        self.database.transaction().put(FILES, &self.key(path), row, 0)?.commit().map(drop)
    }

    pub(crate) fn remove(&self, path: &str) -> Result<()> {
        self.database.transaction().delete(FILES, &self.key(path)).commit().map(drop)
    }

    pub(crate) fn model(&self) -> Result<Option<Model>> {
        self.database.collection(MODELS).get(&self.agent)
    }

    pub(crate) fn set_model(&self, model: &Model) -> Result<()> {
        self.database.transaction().put(MODELS, &self.agent, model, 0)?.commit().map(drop)
    }

    pub(crate) fn forget_model(&self) -> Result<()> {
        self.database.transaction().delete(MODELS, &self.agent).commit().map(drop)
    }

    fn key(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}

/// Refuses what is no path of a file. What leads elsewhere is the directory's handle to refuse.
pub(crate) fn check_path(path: &str) -> Result<()> {
    if path.is_empty() || path.len() > PATH || path.chars().any(char::is_control) {
        return Err(Error::invalid(format!("a path has 1 to {PATH} bytes and no control characters")));
    }
    Ok(())
}
