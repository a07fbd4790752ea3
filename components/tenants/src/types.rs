//! The shapes that the host's registry and ledger answer in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// The registry's row.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Tenant {
    tenant_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<bool>,
    /// Relative to the gateway's home.
    state_dir: String,
}

/// TenantUsageSnapshot: one month.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct UsageSnapshot {
    tenant_id: String,
    /// `YYYY-MM`.
    period: String,
    total_tokens: u64,
    input_tokens: u64,
    output_tokens: u64,
    cache_read_tokens: u64,
    cache_write_tokens: u64,
    reasoning_tokens: u64,
    total_cost_cents: Number,
    /// A decimal, exact.
    total_cost_usd: String,
    disk_usage_bytes: u64,
    workspace_bytes: u64,
    agent_data_bytes: u64,
    memory_db_bytes: u64,
    total_sessions: u64,
    active_sessions: u64,
    total_messages: u64,
    total_requests: u64,
    requests_this_minute: u64,
    requests_this_hour: u64,
    /// That workloads ran, by the clock.
    sandbox_seconds: u64,
    /// That they ran on a processor.
    sandbox_cpu_seconds: Number,
    #[serde(rename = "sandboxPeakMemoryMB")]
    sandbox_peak_memory_mb: Number,
    /// Tools that agents used: `tools_run` of `billing.summary`, whose `tool_calls` are what models asked for.
    tool_calls: u64,
    /// The largest that the directory was when it was measured.
    storage_bytes: u64,
    updated_at: String,
    quota_reset_at: String,
}

/// TenantQuotaStatus.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) struct QuotaStatus {
    tenant_id: String,
    quotas: Map<String, Value>,
    usage: Map<String, Value>,
    /// None where there is no such quota.
    token_usage_percent: Option<Number>,
    cost_usage_percent: Option<Number>,
    disk_usage_percent: Option<Number>,
    is_over_token_limit: bool,
    is_over_cost_limit: bool,
    is_over_disk_limit: bool,
    is_at_soft_limit: bool,
    is_blocked: bool,
    /// Quota to the time at which its window begins anew.
    resets_at: BTreeMap<String, String>,
}
