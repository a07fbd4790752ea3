//! What is stored of a session: its row, which clients see as it is, and its
//! details, which few calls need.
//!
//! They are two documents so that a list is made of rows without parsing them:
//! the stored bytes of a [`Row`] are the bytes in the answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The session that every tenant has once it is first used.
pub(crate) const MAIN_KEY: &str = "agent:main:main";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    #[default]
    Direct,
    Group,
    Global,
    Unknown,
}

impl Kind {
    /// What a key says about its session.
    pub(crate) fn of(key: &str) -> Self {
        match key {
            "global" => Self::Global,
            "unknown" => Self::Unknown,
            _ if [":group:", ":channel:", ":room:"].iter().any(|part| key.contains(part)) => Self::Group,
            _ => Self::Direct,
        }
    }
}

/// GatewaySessionRow.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) display_name: Option<String>,
    /// Only on request, from the details.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) derived_title: Option<String>,
    /// Only on request, from the details.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_message_preview: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) space: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chat_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<Value>,
    /// Unix milliseconds.
    pub(crate) updated_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) system_sent: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aborted_last_run: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) thinking_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verbose_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) elevated_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) send_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_tokens_fresh: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response_usage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model_provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delivery_context: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_account_id: Option<String>,
}

impl Row {
    pub(crate) fn new(key: &str, session_id: String, now: u64) -> Self {
        Self { key: key.into(), kind: Kind::of(key), updated_at: now, session_id: Some(session_id), ..Self::default() }
    }
}

/// What a session keeps besides its row. What an import brings and this gateway
/// does not know stays in `rest`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Details {
    /// Made from the first message of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) derived_title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_message_preview: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spawned_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spawn_depth: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent_session_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exec_host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exec_security: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exec_ask: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exec_node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_activation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider_override: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model_override: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compaction_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cwd: Option<String>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// A whole SessionEntry: row and details in one object, as OpenClaw shows it.
pub(crate) type Entry = Map<String, Value>;

/// What both documents of a session say.
pub(crate) fn entry_of(row: &Row, details: &Details) -> openclaw_sdk::Result<Entry> {
    let mut entry = Entry::new();
    for part in [serde_json::to_value(details)?, serde_json::to_value(row)?] {
        if let Value::Object(members) = part {
            entry.extend(members);
        }
    }
    Ok(entry)
}
