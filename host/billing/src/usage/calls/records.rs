//! What is known of a call: before it, while it runs, and as its row for ever.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use openclaw_tenancy::{PicoUsd, TenantId};
use serde::Serialize;
use sha2::{Digest, Sha256};
use ulid::Ulid;

use crate::price::{CacheWrites, TokenCounts};

/// Random bits of an id, behind the twenty for the nanoseconds of its millisecond.
const CHANCE_BITS: u32 = 60;

/// The name of a call's row, minted before the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(Ulid);

impl CallId {
    /// Ids of one process follow one another as their times do, to the nanosecond: so their rows lie side by side.
    pub(crate) fn mint(now: Timestamp) -> Self {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let within = u128::try_from(now.as_nanosecond().rem_euclid(1_000_000)).unwrap_or_default();
        let chance = Ulid::new().random() & ((1 << CHANCE_BITS) - 1);
        Self(Ulid::from_parts(millis, within << CHANCE_BITS | chance))
    }

    /// Before every id of this time on, and no call's: those end in chance.
    pub(super) fn first_at(start_ms: i64) -> Self {
        let millis = u64::try_from(start_ms).unwrap_or_default().min((1 << Ulid::TIME_BITS) - 1);
        Self(Ulid::from_parts(millis, 0))
    }
}

impl CallId {
    /// The same for all that an agent does in a while.
    pub(super) fn of_agent(start_ms: i64, agent: &str) -> Self {
        let digest = Sha256::digest(agent.as_bytes());
        let name = digest.iter().take(10).fold(0, |name, byte| name << 8 | u128::from(*byte));
        Self(Ulid::from_parts(Self::first_at(start_ms).0.timestamp_ms(), name))
    }
}

/// Where the text of an id is written.
pub(super) type IdText = [u8; ulid::ULID_LEN];

impl CallId {
    pub(super) fn text(self, buffer: &mut IdText) -> &str {
        self.0.array_to_str(buffer)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CallId {
    type Err = ulid::DecodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ulid::from_string(text).map(Self)
    }
}

/// Whose call it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub tenant: TenantId,
    /// Empty for a call that no agent makes.
    pub agent: String,
    pub session: Option<String>,
    pub run: Option<String>,
    /// The family of the component that asks; empty where none does.
    pub component: String,
}

/// A model call that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCall {
    pub caller: Caller,
    /// The method that asked for it.
    pub method: String,
    pub provider: String,
    /// As requested: the name on the rate card.
    pub model: String,
    /// Counted, with its margins.
    pub input_tokens: u64,
    /// The cap that is sent to the provider.
    pub max_output_tokens: u64,
    pub cache_writes: CacheWrites,
    /// When the call is given up for lost: later than its own time limit.
    pub expires_at: Timestamp,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Ok,
    ClientGone,
    ProviderError,
    /// The provider's own numbers are not known.
    Estimated,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Ok, Self::ClientGone, Self::ProviderError, Self::Estimated];

    pub fn name(self) -> &'static str {
        ["ok", "client_gone", "provider_error", "estimated"][self as usize]
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// What a call turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    pub outcome: Outcome,
    pub tokens: TokenCounts,
    pub tool_calls: u64,
    pub model_served: Option<String>,
    pub provider_request_id: Option<String>,
    pub first_token_at: Option<Timestamp>,
    pub ended_at: Timestamp,
}

/// One model call, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRow {
    pub id: CallId,
    pub caller: Caller,
    pub method: String,
    pub provider: String,
    pub model_requested: String,
    pub model_served: Option<String>,
    pub provider_request_id: Option<String>,
    pub tokens: TokenCounts,
    pub tool_calls: u64,
    pub cost: PicoUsd,
    pub rate_card_version: String,
    pub started_at: Timestamp,
    pub first_token_at: Option<Timestamp>,
    /// None where a crash hid it.
    pub ended_at: Option<Timestamp>,
    pub outcome: Outcome,
}

/// What is counted besides model calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MeterKind {
    /// Milliseconds of sandboxed workloads.
    SandboxMs,
    /// Tools that ran.
    ToolCalls,
    /// The size of a tenant's directory when it was measured; a report has the largest.
    StorageBytes,
}

impl MeterKind {
    pub const ALL: [Self; 3] = [Self::SandboxMs, Self::ToolCalls, Self::StorageBytes];

    pub fn name(self) -> &'static str {
        ["sandbox_ms", "tool_calls", "storage_bytes"][self as usize]
    }
}

/// What a sandboxed workload took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkloadUsage {
    /// By the clock: what is charged.
    pub wall_ms: u64,
    /// Of all processors together.
    pub cpu_ms: u64,
    /// The most memory that it had.
    pub peak_bytes: u64,
}

/// What a quota is charged with: spent, reserved or asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amounts {
    pub(crate) cost: PicoUsd,
    pub(crate) tokens: u64,
    pub(crate) sandbox_ms: u64,
}

impl Amounts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.cost = self.cost.checked_add(other.cost).unwrap_or(PicoUsd::from_pico(u128::MAX));
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.sandbox_ms = self.sandbox_ms.saturating_add(other.sandbox_ms);
    }
}
