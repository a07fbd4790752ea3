//! The gateway's own configuration: every key of `config.yaml`, its type, its default.
//!
//! Every struct is closed: a key that is not listed is an error. The sections under "Defaults of
//! the tenants" are open objects in OpenClaw's shape; an overlay may refine them.

mod components;
mod models;
mod network;
mod operations;
mod sandbox;

pub use components::{CallLimits, CompileLimits, Components, OutboundHttp, ValidateResults};
pub use models::{
    Billing, Embedding, Model, ModelEntry, Models, Provider, ProviderKind, QuotaDefaults, RateCardSource,
};
pub use network::{FailedAuth, Gateway, RequestLimits, Tls};
pub use operations::{
    Backup, BackupCredentials, Cron, Durability, Log, LogFormat, LogLevel, Nodes, Otlp, Secrets, Telemetry,
};
pub use sandbox::{Network, Sandbox, SandboxMode};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A section whose keys are OpenClaw's own and open.
pub type OpenObject = Map<String, Value>;

/// Everything that `config.yaml` may say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// The listener, its protection and the limits of a request.
    pub gateway: Gateway,
    /// Model providers and the model that is used where none is named.
    pub models: Models,
    /// Money: currency, calendar and prices.
    pub billing: Billing,
    /// Quotas that tenants are made with from now on, where they are given none of their own.
    pub quotas: QuotaDefaults,
    /// How the workloads of tenants are confined.
    pub sandbox: Sandbox,
    /// WebAssembly components: limits of a call, grants, what is loaded.
    pub components: Components,
    /// Where archives of tenants go.
    pub backup: Backup,
    /// Scheduled jobs.
    pub cron: Cron,
    /// Paired nodes.
    pub nodes: Nodes,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// What an answered write survives.
    pub durability: Durability,
    /// Keys at rest.
    pub secrets: Secrets,

    /// Defaults of the tenants: agents (`defaults`, `list`).
    pub agents: OpenObject,
    /// Defaults of the tenants: chat channels, by channel id.
    pub channels: OpenObject,
    /// Defaults of the tenants: how messages are written and queued.
    pub messages: OpenObject,
    /// Defaults of the tenants: chat commands.
    pub commands: OpenObject,
    /// Defaults of the tenants: session scope, reset and upkeep.
    pub session: OpenObject,
    /// Defaults of the tenants: skills; and whether remote hubs may be used.
    pub skills: OpenObject,
    /// Defaults of the tenants: which tools an agent may use.
    pub tools: OpenObject,
    /// Defaults of the tenants: speech.
    pub talk: OpenObject,
    /// Defaults of the tenants: looks of the control UI.
    pub ui: OpenObject,
    /// Defaults of the tenants: which agent serves which chat.
    pub bindings: Vec<Value>,
    /// Defaults of the tenants: the vector memory.
    pub memory: OpenObject,
}

#[cfg(test)]
mod tests;
