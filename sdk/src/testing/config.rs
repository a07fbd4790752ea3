//! The tenant's configuration in memory. Text is JSON here.

#![allow(clippy::disallowed_methods, reason = "what the handler under test writes")]

use crate::agents::MAIN;
use crate::{Error, Result};
use serde_json::{Map, Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

const FILE: &str = "config.yaml";

/// An overlay over what the gateway gives all.
pub(crate) struct Config {
    pub(crate) gateway: Value,
    overlay: Value,
    /// The overlay as it was written; none where there is no file.
    raw: Option<String>,
    /// Why the file cannot be read.
    pub(crate) damage: Option<String>,
    /// The first words of keys that no overlay may hold.
    pub(crate) admin_only_keys: Vec<String>,
    pub(crate) schema: Value,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            gateway: json!({}),
            overlay: json!({}),
            raw: None,
            damage: None,
            admin_only_keys: Vec::new(),
            schema: json!({"type": "object"}),
        }
    }
}

impl Config {
    pub(crate) fn set_overlay(&mut self, overlay: Value) {
        self.raw = Some(overlay.to_string());
        self.overlay = overlay;
    }

    fn effective_value(&self) -> Value {
        let mut effective = self.gateway.clone();
        merge(&mut effective, &self.overlay);
        effective
    }

    fn hash(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.raw.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    pub(crate) fn snapshot(&self) -> Vec<u8> {
        let issues: Vec<_> = self.damage.iter().map(|message| json!({"path": "", "message": message})).collect();
        let or_null = |value: Value| if self.damage.is_none() { value } else { Value::Null };
        let snapshot = json!({
            "path": FILE,
            "exists": self.raw.is_some() || self.damage.is_some(),
            "raw": or_null(self.raw.clone().unwrap_or_default().into()),
            "parsed": or_null(self.overlay.clone()),
            "valid": self.damage.is_none(),
            "config": or_null(self.effective_value()),
            "hash": self.hash(),
            "issues": issues,
            "warnings": [],
            "adminOnlyKeys": self.admin_only_keys,
        });
        snapshot.to_string().into_bytes()
    }

    pub(crate) fn effective(&self, pointer: &str) -> Result<Option<Vec<u8>>> {
        self.check_sound()?;
        Ok(self.effective_value().pointer(pointer).map(|value| value.to_string().into_bytes()))
    }

    /// Whether the tenant has an agent of this id; `main` is always there.
    pub(crate) fn has_agent(&self, id: &str) -> bool {
        let config = self.effective_value();
        let listed = config.pointer("/agents/list").and_then(Value::as_array);
        id == MAIN || listed.into_iter().flatten().any(|agent| agent["id"] == id)
    }

    pub(crate) fn schema(&self) -> Vec<u8> {
        json!({"schema": self.schema, "uiHints": {}, "version": "test"}).to_string().into_bytes()
    }

    pub(crate) fn replace(&mut self, raw: &str, base_hash: Option<&str>) -> Result<Vec<u8>> {
        self.check_unchanged(base_hash)?;
        let overlay = parse(raw)?;
        self.check_allowed(&overlay)?;
        self.overlay = overlay;
        self.raw = Some(raw.to_owned());
        self.damage = None;
        Ok(self.snapshot())
    }

    pub(crate) fn patch(&mut self, patch: &str, base_hash: Option<&str>) -> Result<Vec<u8>> {
        let patch = parse(patch)?;
        self.check_unchanged(base_hash)?;
        self.check_sound()?;
        let mut overlay = self.overlay.clone();
        merge(&mut overlay, &patch);
        self.check_allowed(&overlay)?;
        if overlay != self.overlay {
            self.set_overlay(overlay);
        }
        Ok(self.snapshot())
    }

    fn check_sound(&self) -> Result<()> {
        match &self.damage {
            Some(damage) => Err(Error::unavailable(format!("the configuration is damaged: {FILE}: {damage}"), None)),
            None => Ok(()),
        }
    }

    fn check_unchanged(&self, base_hash: Option<&str>) -> Result<()> {
        let hash = self.hash();
        match base_hash {
            Some(base) if !base.eq_ignore_ascii_case(&hash) => {
                Err(Error::conflict("the configuration has changed meanwhile").with_data(&json!({"hash": hash})))
            }
            _ => Ok(()),
        }
    }

    fn check_allowed(&self, overlay: &Value) -> Result<()> {
        let keys = overlay.as_object().into_iter().flat_map(Map::keys);
        let refused = keys.filter(|key| self.admin_only_keys.contains(key));
        let offences: Vec<_> =
            refused.map(|key| json!({"path": key, "reason": "only the operator may set this"})).collect();
        match offences.is_empty() {
            true => Ok(()),
            false => Err(Error::invalid("the configuration holds keys that a tenant may not set")
                .with_data(&json!({"offences": offences}))),
        }
    }
}

fn parse(text: &str) -> Result<Value> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Error::invalid("a configuration is an object")),
        Err(error) => Err(Error::invalid(format!("not JSON, which is all that the test harness reads: {error}"))),
    }
}

/// A merge patch (RFC 7396): null removes a key.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(members) = target else { return };
    for (key, value) in patch {
        match value {
            Value::Null => drop(members.remove(key)),
            value => merge(members.entry(key.clone()).or_insert(Value::Null), value),
        }
    }
}
