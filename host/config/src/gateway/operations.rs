//! `backup`, `cron`, `nodes`, `telemetry`, `durability`, `secrets`: how the gateway is run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// Where archives of tenants go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    /// A directory, or `s3://bucket[/prefix]`. Without one, backups of tenants are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The S3-compatible service, `https://…`; AWS where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Its region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The operator's credentials for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<BackupCredentials>,
}

/// Credentials of an S3-compatible store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupCredentials {
    pub access_key_id: String,
    pub secret_access_key: Secret,
    /// Only for temporary credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Secret>,
}

/// Scheduled jobs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cron {
    /// Whether jobs run at all.
    pub enabled: bool,
    /// Runs of one tenant at a time.
    #[schemars(range(min = 1, max = 1024))]
    pub max_concurrent_runs: u32,
    /// How long the session of an isolated run is kept: a number with `m`, `h` or `d`, or `off`.
    #[schemars(regex(pattern = r"^([1-9][0-9]{0,8}[mhd]|off)$"))]
    pub session_retention: String,
}

impl Default for Cron {
    fn default() -> Self {
        Self { enabled: true, max_concurrent_runs: 1, session_retention: "24h".into() }
    }
}

/// Paired nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Nodes {
    /// Commands that reach into a person's life (such as `camera.snap`) and may be invoked all the
    /// same.
    pub allow_commands: Vec<String>,
}

/// Logs and traces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Export of traces and metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<Otlp>,
    /// The gateway's log.
    pub log: Log,
    /// `/metrics` counts calls by tenant too, which names the tenants to whoever may read it.
    pub tenant_label: bool,
}

/// An OpenTelemetry collector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// Where it is reached, `https://…`.
    pub endpoint: String,
    /// Headers of each request; values are secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
}

/// The gateway's log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least important level that is written.
    pub level: LogLevel,
    /// How a line is written.
    pub format: LogFormat,
}

/// The importance of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// What an answered write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// The end of the process, however sudden.
    #[default]
    Process,
    /// A loss of power too; slower.
    PowerSafe,
}

/// Keys at rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// The file of 32 bytes that the tenants' keys are derived from; `secret.key` in the home
    /// where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
}
