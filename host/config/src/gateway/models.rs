//! `models`, `billing` and `quotas`: who answers, at what price, up to what amount.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use openclaw_tenancy::Quotas;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

use crate::secret::Secret;

/// Model providers and the default model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Models {
    /// The providers, tried in no particular order: a model belongs to the one that lists it.
    pub providers: Vec<Provider>,
    /// The model that is used where a call names none; `provider/model` or a listed name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The model that makes vectors of texts; the built-in one, `hashed-ngram-v1`, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Embedding>,
}

/// An embedding model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// `provider/model` or a listed name.
    pub model: String,
    /// How many numbers its vectors have.
    #[schemars(range(min = 1, max = 4096))]
    pub dimensions: u32,
}

/// One model provider. At most one of the three `api_key…` keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The name under which its models are known, unique.
    pub id: String,
    /// The protocol that it speaks.
    pub kind: ProviderKind,
    /// Where it is reached, `https://…`; each kind has its own default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The key itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Secret>,
    /// The environment variable that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// The file that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_file: Option<String>,
    /// Of kind scripted: the file with its answers, YAML or JSON; without one it only says what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Seconds that a call may take in all; 600 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: Option<u64>,
    /// Seconds without a byte after which a call is given up; 120 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub idle_seconds: Option<u64>,
    /// The models it offers.
    #[serde(default)]
    pub models: Vec<ModelEntry>,
}

/// A provider's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    Openai,
    Anthropic,
    /// Answers from a script, without a network: for tests and demonstrations.
    Scripted,
}

/// A model by its name alone, or with what is known about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ModelEntry {
    Name(String),
    Described(Model),
}

impl ModelEntry {
    /// The name by which the provider knows it.
    pub fn id(&self) -> &str {
        match self {
            Self::Name(id) | Self::Described(Model { id, .. }) => id,
        }
    }
}

/// What is known about a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name by which the provider knows it.
    pub id: String,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Tokens that fit into one call, input and output together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub context_window: Option<u64>,
    /// Most tokens of one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_output_tokens: Option<u64>,
    /// Whether it reasons before it answers.
    #[serde(default)]
    pub reasoning: bool,
    /// Models that are called instead, in this order, where its provider cannot serve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<String>,
}

/// Money: currency, calendar and prices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Billing {
    /// The currency of every price, ISO 4217.
    #[schemars(regex(pattern = r"^[A-Z]{3}$"))]
    pub currency: String,
    /// The time zone of calendar windows and reports, an IANA name.
    #[serde(deserialize_with = "time_zone")]
    pub timezone: String,
    /// The prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_card: Option<RateCardSource>,
}

impl Default for Billing {
    fn default() -> Self {
        Self { currency: "USD".into(), timezone: "UTC".into(), rate_card: None }
    }
}

/// A name that the calendar knows: the gateway would not start with another.
fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    match TimeZone::get(&name) {
        Ok(_) => Ok(name),
        Err(_) => Err(D::Error::custom(format!("{name:?} is no IANA time zone, such as UTC or Europe/Berlin"))),
    }
}

/// Where the prices stand. Their own shape is checked by whoever reads the card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RateCardSource {
    /// The path of a YAML or JSON file.
    File(String),
    /// From model name, as requested, to prices.
    Inline(Map<String, Value>),
}

/// Quotas that a tenant is made with, where it is given none of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaDefaults {
    /// The quotas; nothing is limited that is not named. Tenants that are there keep theirs when this changes.
    #[schemars(with = "QuotaKeys")]
    pub default: Quotas,
}

/// The keys of [`Quotas`], for the schema.
#[derive(Default, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Quotas")]
struct QuotaKeys {
    /// Tokens a day: input, output and reasoning.
    tokens_per_day: Option<u64>,
    /// Tokens a month.
    tokens_per_month: Option<u64>,
    /// Cost a day in USD, a decimal.
    cost_per_day_usd: Option<Decimal>,
    /// Cost a month in USD, a decimal.
    cost_per_month_usd: Option<Decimal>,
    /// Tokens a day from which on a warning is given.
    soft_tokens_per_day: Option<u64>,
    /// Tokens a month from which on a warning is given.
    soft_tokens_per_month: Option<u64>,
    /// Cost a day from which on a warning is given.
    soft_cost_per_day_usd: Option<Decimal>,
    /// Cost a month from which on a warning is given.
    soft_cost_per_month_usd: Option<Decimal>,
    /// Requests in any 60 seconds.
    requests_per_minute: Option<u64>,
    /// Requests in any 60 minutes.
    requests_per_hour: Option<u64>,
    /// Sessions that are active at a time.
    max_concurrent_sessions: Option<u64>,
    /// Agent runs at a time.
    max_concurrent_runs: Option<u64>,
    /// Bytes of the tenant's directory: of its files, and 4 KiB for each name.
    disk_bytes: Option<u64>,
    /// Seconds of sandboxed workloads a day.
    sandbox_seconds_per_day: Option<u64>,
    /// Limits of one sandboxed workload.
    sandbox: Option<SandboxQuotaKeys>,
}

/// The keys of `SandboxQuotas`, for the schema.
#[derive(Default, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "SandboxQuotas")]
struct SandboxQuotaKeys {
    /// Processors, `1.5` for one and a half.
    cpu: Option<Decimal>,
    /// Memory in MiB.
    memory_mb: Option<u64>,
    /// Processes and threads.
    pids: Option<u64>,
}

/// A decimal, as a number or a text.
#[derive(Default, Serialize)]
struct Decimal;

impl JsonSchema for Decimal {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["number", "string"]})
    }
}
