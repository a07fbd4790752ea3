//! A mapping of the configuration, read key by key: what is of the wrong kind is told by its place.

use openclaw_sdk::{Error, Result};
use serde_json::{Map, Value};

/// One mapping, and where it stands. One that is missing has no keys.
#[derive(Debug)]
pub(super) struct Section {
    at: String,
    value: Value,
}

impl Section {
    pub(super) fn of(at: impl Into<String>, value: Value) -> Result<Self> {
        let at = at.into();
        if value.is_object() || value.is_null() {
            return Ok(Self { at, value });
        }
        Err(wrong(&at, "a mapping"))
    }

    pub(super) fn section(&self, key: &str) -> Result<Self> {
        Self::of(self.path(key), self.value[key].clone())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.value.as_object().into_iter().flat_map(Map::keys).map(String::as_str)
    }

    /// As it stands there.
    pub(super) fn value(&self, key: &str) -> Value {
        self.value[key].clone()
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>> {
        self.read(key, "a text", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn whole<T: TryFrom<u64>>(&self, key: &str) -> Result<Option<T>> {
        self.read(key, "a whole number", |value| value.as_u64().and_then(|number| T::try_from(number).ok()))
    }

    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<String>>> {
        self.read(key, "a list of texts", |value| {
            value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
        })
    }

    /// What `as_kind` makes of a key's value; none of a key that says nothing.
    pub(super) fn read<T>(
        &self,
        key: &str,
        expected: &str,
        as_kind: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let value = &self.value[key];
        if value.is_null() {
            return Ok(None);
        }
        as_kind(value).map(Some).ok_or_else(|| wrong(&self.path(key), expected))
    }

    fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.at)
    }
}

fn wrong(path: &str, expected: &str) -> Error {
    Error::invalid(format!("the configured {path} must be {expected}"))
}
