//! Limits of one tenant, as plain data. Enforcing them is not done here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod decimal;

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read what they wrote")]
mod tests;

pub use decimal::{CpuMillis, DecimalError, PicoUsd};

/// What a tenant may use; an absent key is no limit. Soft limits only warn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_month: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_per_day_usd: Option<PicoUsd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_per_month_usd: Option<PicoUsd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft_tokens_per_day: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft_tokens_per_month: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft_cost_per_day_usd: Option<PicoUsd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft_cost_per_month_usd: Option<PicoUsd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_hour: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent_sessions: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent_runs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox_seconds_per_day: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxQuotas>,
}

/// Limits of one sandboxed workload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxQuotas {
    /// Processors, `1.5` for one and a half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
}

/// Why a patch of quotas was refused; names the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    #[error("quotas are an object of limits, not {0}")]
    NotAnObject(&'static str),
    #[error("unknown quota {0:?}; there are {known}", known = known(.0).join(", "))]
    UnknownKey(String),
    #[error("quota {key}: {reason}")]
    Invalid { key: String, reason: String },
}

const KEYS: &[&str] = &[
    "tokens_per_day",
    "tokens_per_month",
    "cost_per_day_usd",
    "cost_per_month_usd",
    "soft_tokens_per_day",
    "soft_tokens_per_month",
    "soft_cost_per_day_usd",
    "soft_cost_per_month_usd",
    "requests_per_minute",
    "requests_per_hour",
    "max_concurrent_sessions",
    "max_concurrent_runs",
    "disk_bytes",
    "sandbox_seconds_per_day",
    "sandbox",
];
const SANDBOX_KEYS: &[&str] = &["cpu", "memory_mb", "pids"];

/// The keys that there are where this one is not.
fn known(key: &str) -> &'static [&'static str] {
    if key.starts_with("sandbox.") { SANDBOX_KEYS } else { KEYS }
}

impl Quotas {
    /// Every key a quota object may hold.
    pub const KEYS: &'static [&'static str] = KEYS;

    /// The quotas after a JSON merge patch (RFC 7396): a value replaces, `null`
    /// removes, an absent key stays.
    pub fn merge(&self, patch: &Value) -> Result<Self, QuotaError> {
        let patch = object("", patch)?;
        check_keys("", patch, KEYS)?;
        let mut merged = object_of(self)?;
        for (key, value) in patch {
            if key == "sandbox" && !value.is_null() {
                let patch = object(key, value)?;
                check_keys("sandbox.", patch, SANDBOX_KEYS)?;
                let mut sandbox = object_of(&self.sandbox.clone().unwrap_or_default())?;
                for (key, value) in patch {
                    check_value::<SandboxQuotas>("sandbox.", key, value)?;
                    set(&mut sandbox, key, value);
                }
                let sandbox = if sandbox.is_empty() { Value::Null } else { Value::Object(sandbox) };
                set(&mut merged, key, &sandbox);
            } else {
                check_value::<Self>("", key, value)?;
                set(&mut merged, key, value);
            }
        }
        serde_json::from_value(Value::Object(merged)).map_err(|error| invalid("", "", &error))
    }
}

/// One key at a time, so that the error can name it.
fn check_value<T: for<'de> Deserialize<'de>>(prefix: &str, key: &str, value: &Value) -> Result<(), QuotaError> {
    let alone = Map::from_iter([(key.to_owned(), value.clone())]);
    serde_json::from_value::<T>(Value::Object(alone)).map(drop).map_err(|error| {
        let is_decimal = key.ends_with("_usd") || key == "cpu";
        let reason = match is_decimal {
            // What `DecimalError` says.
            true if value.is_string() || value.is_number() => error.to_string(),
            true => "a decimal number is needed, or null".to_owned(),
            false => "a whole number of 0 or more is needed, or null".to_owned(),
        };
        QuotaError::Invalid { key: format!("{prefix}{key}"), reason }
    })
}

fn check_keys(prefix: &str, patch: &Map<String, Value>, known: &[&str]) -> Result<(), QuotaError> {
    match patch.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(QuotaError::UnknownKey(format!("{prefix}{key}"))),
        None => Ok(()),
    }
}

fn set(target: &mut Map<String, Value>, key: &str, value: &Value) {
    if value.is_null() {
        target.remove(key);
    } else {
        target.insert(key.to_owned(), value.clone());
    }
}

fn object<'a>(key: &str, value: &'a Value) -> Result<&'a Map<String, Value>, QuotaError> {
    let kind = match value {
        Value::Object(object) => return Ok(object),
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
    };
    if key.is_empty() {
        return Err(QuotaError::NotAnObject(kind));
    }
    Err(QuotaError::Invalid { key: key.to_owned(), reason: format!("an object of limits is needed, not {kind}") })
}

fn object_of(value: &impl Serialize) -> Result<Map<String, Value>, QuotaError> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(invalid("", "", &error)),
    }
}

fn invalid(prefix: &str, key: &str, error: &serde_json::Error) -> QuotaError {
    QuotaError::Invalid { key: format!("{prefix}{key}"), reason: error.to_string() }
}
