//! Pieces of an answer, the same for every provider, and what a stream tells of them.

use openclaw_billing::TokenCounts;
use serde_json::Value;

use crate::usage::UsageError;

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Text(String),
    Reasoning(String),
    /// A part of a tool call. Parts of one `index` belong together; the first has its id and name.
    ToolCall {
        index: u64,
        id: Option<String>,
        name: Option<String>,
        /// The next part of the arguments' JSON text.
        arguments: String,
    },
    /// What the call used. An error means numbers that cannot be billed by: the call is then estimated.
    Usage(Result<TokenCounts, UsageError>),
    /// The provider's own name for the answer, and the model that gives it.
    Served {
        id: Option<String>,
        model: Option<String>,
    },
    /// Why the answer ended, in the provider's word.
    Stop(String),
    /// The provider broke the answer off. Its own error, for the log.
    Failed(Value),
    /// What this version does not know, passed through.
    Other(Value),
}

/// One event of a stream, as a client is told it.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Empty for chat completions, whose events have no names.
    pub name: &'static str,
    pub data: Value,
}

/// A text that says something: providers send empty ones for nothing.
pub(crate) fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}
