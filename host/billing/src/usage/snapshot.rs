//! What the methods `tenants.usage`, `tenants.usage.history` and `tenants.quota.status` answer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use openclaw_tenancy::{PicoUsd, Quotas, TenantId};
use serde::Serialize;

use super::calls::Sums;
use super::{Count, Used};
use crate::rate::RequestRates;
use crate::window::{CalendarUnit, Period, calendar_window};

/// What is measured elsewhere at the moment of the question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    pub disk_usage_bytes: u64,
    pub workspace_bytes: u64,
    pub agent_data_bytes: u64,
    pub memory_db_bytes: u64,
    pub total_sessions: u64,
    pub active_sessions: u64,
    pub total_messages: u64,
    /// Of the rate limiter.
    pub rates: RequestRates,
}

/// The contract's `TenantUsageSnapshot`. Token classes are disjoint; `total_tokens` is their sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantUsageSnapshot {
    pub tenant_id: TenantId,
    /// `YYYY-MM`.
    pub period: String,
    pub total_tokens: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_write_tokens: u64,
    pub reasoning_tokens: u64,
    pub total_cost_cents: u64,
    pub total_cost_usd: PicoUsd,
    pub disk_usage_bytes: u64,
    pub workspace_bytes: u64,
    pub agent_data_bytes: u64,
    pub memory_db_bytes: u64,
    pub total_sessions: u64,
    pub active_sessions: u64,
    pub total_messages: u64,
    /// Requests that were admitted.
    pub total_requests: u64,
    pub requests_this_minute: u64,
    pub requests_this_hour: u64,
    /// That workloads ran, by the clock: what `sandbox_seconds_per_day` counts.
    pub sandbox_seconds: u64,
    /// That they ran on a processor.
    pub sandbox_cpu_seconds: u64,
    /// Of one workload, the largest of the month, in MiB, rounded up.
    #[serde(rename = "sandboxPeakMemoryMB")]
    pub sandbox_peak_memory_mb: u64,
    /// Tools that agents used: `tools_run` of the summary.
    pub tool_calls: u64,
    /// The largest that the directory was when it was measured.
    pub storage_bytes: u64,
    /// When the last counted request came (RFC 3339, UTC), else the month's beginning: never the
    /// time of the question, so that the same data reads the same.
    pub updated_at: String,
    /// The end of the month.
    pub quota_reset_at: String,
}

/// The contract's `TenantQuotaStatus`. Percentages are whole, rounded down, and 0 without a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantQuotaStatus {
    pub tenant_id: TenantId,
    pub quotas: Quotas,
    pub usage: TenantUsageSnapshot,
    pub token_usage_percent: u64,
    pub cost_usage_percent: u64,
    pub disk_usage_percent: u64,
    pub is_over_token_limit: bool,
    pub is_over_cost_limit: bool,
    pub is_over_disk_limit: bool,
    pub is_at_soft_limit: bool,
    pub is_blocked: bool,
    /// Quota to the time that it starts anew (RFC 3339, UTC); quotas without a window are left out.
    pub resets_at: BTreeMap<&'static str, String>,
}

pub(super) fn of(
    tenant: &TenantId,
    period: Period,
    (count, used): (Count, Used),
    measured: &Measured,
    zone: &TimeZone,
) -> TenantUsageSnapshot {
    let Used { called: Sums { tokens, cost, .. }, sandbox_ms, sandbox_cpu_ms, sandbox_peak_bytes, .. } = used;
    let window = period.window(zone);
    let last = Timestamp::from_millisecond(count.updated_at_ms).unwrap_or(Timestamp::MAX);
    let updated_at = if count.requests == 0 { window.start } else { last };
    TenantUsageSnapshot {
        tenant_id: tenant.clone(),
        period: period.to_string(),
        total_tokens: tokens.total(),
        input_tokens: tokens.input_uncached,
        output_tokens: tokens.output_text,
        cache_read_tokens: tokens.input_cache_read,
        cache_write_tokens: tokens.input_cache_write.saturating_add(tokens.input_cache_write_1h),
        reasoning_tokens: tokens.output_reasoning,
        total_cost_cents: cents(cost),
        total_cost_usd: cost,
        disk_usage_bytes: measured.disk_usage_bytes,
        workspace_bytes: measured.workspace_bytes,
        agent_data_bytes: measured.agent_data_bytes,
        memory_db_bytes: measured.memory_db_bytes,
        total_sessions: measured.total_sessions,
        active_sessions: measured.active_sessions,
        total_messages: measured.total_messages,
        total_requests: count.requests,
        requests_this_minute: measured.rates.minute,
        requests_this_hour: measured.rates.hour,
        sandbox_seconds: sandbox_ms / 1_000,
        sandbox_cpu_seconds: sandbox_cpu_ms / 1_000,
        sandbox_peak_memory_mb: sandbox_peak_bytes.div_ceil(1 << 20),
        tool_calls: used.tools_run,
        storage_bytes: used.storage_bytes,
        updated_at: updated_at.to_string(),
        quota_reset_at: window.next.to_string(),
    }
}

/// Rounded half to even: for people, never for a sum.
fn cents(cost: PicoUsd) -> u64 {
    format!("{cost:.2}").replace('.', "").parse().unwrap_or(u64::MAX)
}

pub(super) fn status(
    quotas: &Quotas,
    usage: TenantUsageSnapshot,
    now: Timestamp,
    measured: &Measured,
    zone: &TimeZone,
) -> TenantQuotaStatus {
    let tokens = u128::from(usage.total_tokens);
    let token_limit = quotas.tokens_per_month.map(u128::from);
    let cost = usage.total_cost_usd.pico();
    let cost_limit = quotas.cost_per_month_usd.map(PicoUsd::pico);
    let disk = u128::from(usage.disk_usage_bytes);
    let disk_limit = quotas.disk_bytes.map(u128::from);
    let soft = [
        reached(tokens, quotas.soft_tokens_per_month.map(u128::from)),
        reached(cost, quotas.soft_cost_per_month_usd.map(PicoUsd::pico)),
    ];
    let over = [reached(tokens, token_limit), reached(cost, cost_limit), reached(disk, disk_limit)];
    TenantQuotaStatus {
        tenant_id: usage.tenant_id.clone(),
        quotas: quotas.clone(),
        token_usage_percent: percent(tokens, token_limit),
        cost_usage_percent: percent(cost, cost_limit),
        disk_usage_percent: percent(disk, disk_limit),
        is_over_token_limit: over[0],
        is_over_cost_limit: over[1],
        is_over_disk_limit: over[2],
        is_at_soft_limit: soft.contains(&true),
        is_blocked: over.contains(&true),
        resets_at: resets_at(quotas, now, measured, zone),
        usage,
    }
}

fn reached(used: u128, limit: Option<u128>) -> bool {
    limit.is_some_and(|limit| used >= limit)
}

fn percent(used: u128, limit: Option<u128>) -> u64 {
    match limit {
        None => 0,
        // Nothing is allowed, so all of it is used.
        Some(0) => 100,
        Some(limit) => u64::try_from(used.saturating_mul(100) / limit).unwrap_or(u64::MAX),
    }
}

fn resets_at(quotas: &Quotas, now: Timestamp, measured: &Measured, zone: &TimeZone) -> BTreeMap<&'static str, String> {
    let day = calendar_window(now, CalendarUnit::Day, zone).next;
    let month = calendar_window(now, CalendarUnit::Month, zone).next;
    let calendar = [
        ("tokens_per_day", quotas.tokens_per_day.is_some(), day),
        ("cost_per_day_usd", quotas.cost_per_day_usd.is_some(), day),
        ("sandbox_seconds_per_day", quotas.sandbox_seconds_per_day.is_some(), day),
        ("tokens_per_month", quotas.tokens_per_month.is_some(), month),
        ("cost_per_month_usd", quotas.cost_per_month_usd.is_some(), month),
    ];
    let set = calendar.into_iter().filter(|(_, is_set, _)| *is_set).map(|(quota, _, next)| (quota, next));
    let rates = measured.rates.resets_at.iter().copied();
    set.chain(rates).map(|(quota, next)| (quota, next.to_string())).collect()
}
