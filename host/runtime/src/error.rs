//! Why a component could not be loaded, why a call failed, and what a capability refuses.

#[allow(unreachable_pub, reason = "the generated bindings name it")]
mod capability;

use crate::limits::Limit;

#[allow(unreachable_pub, reason = "the generated bindings name it")]
pub use capability::CapabilityError;
pub(crate) use capability::{COMPONENT_FAILED, DELETED, QUOTA_EXCEEDED, UNAVAILABLE};

/// A component that cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The runtime itself did not start.
    #[error("the WebAssembly engine could not be started: {0:#}")]
    Engine(wasmtime::Error),
    /// Not a component, damaged, or over a limit.
    #[error("not a component that this gateway can run: {0}")]
    Invalid(String),
    /// Compiling it would take too much, by what it declares.
    #[error("it would take too much to compile: {what} has {has} {of}, at most {most}")]
    Complex {
        /// The whole file, or one of its functions.
        what: String,
        /// How many of them.
        has: u64,
        /// What is counted.
        of: &'static str,
        /// The limit.
        most: u64,
    },
    /// Compiling it took too much time.
    #[error("it takes more than {seconds} s to compile: make its largest functions smaller")]
    Slow {
        /// Of processor time.
        seconds: u32,
    },
    /// Compiling it took too much memory.
    #[error("it takes more than {mib} MiB to compile: make its largest functions smaller")]
    Large {
        /// The limit.
        mib: u32,
    },
    /// The tenant has something compiled, or tried, already.
    #[error("another component of this tenant is being compiled or tried: try again when that is done")]
    Busy,
    /// The gateway itself failed at it.
    #[error("the gateway could not load it: {0}")]
    Internal(String),
    /// The gateway is about to end.
    #[error("the gateway is closing")]
    Closing,
    /// The process that compiles did not do its work.
    #[error("the compiler did not run: {0}")]
    Compiler(std::io::Error),
    /// An interface that the gateway does not serve.
    #[error("it imports {interface}, which this gateway does not serve")]
    Unserved {
        /// The import, as the component spells it.
        interface: String,
    },
    /// Capabilities that the operator did not grant.
    #[error("it asks for {}, which is not granted: see components.grants.{family} in config.yaml", missing.join(", "))]
    NotGranted {
        /// All of them, as grants are written.
        missing: Vec<String>,
        /// The family that asks.
        family: String,
    },
    /// A text in `components.grants` that is no grant.
    #[error("components.grants.{family}: {error}")]
    Grant {
        /// The family.
        family: String,
        /// What is wrong.
        error: GrantError,
    },
    /// The stored bytes are not those that were installed.
    #[error("its stored bytes are damaged or gone: {0}")]
    Damaged(String),
    /// Its manifest is wrong.
    #[error("{0}")]
    Manifest(String),
    /// Two components say they are the same family, so want the same state.
    #[error("the family {family} is already served by another component")]
    FamilyTaken {
        /// The family.
        family: String,
    },
    /// Two components want the same method.
    #[error("its method {method} is already served by the family {family}")]
    Taken {
        /// The method's name.
        method: String,
        /// Who serves it.
        family: String,
    },
    /// The file could not be read.
    #[error("the file could not be read: {0}")]
    Unreadable(std::io::Error),
}

impl LoadError {
    /// What a client is told of it: what the libraries said is for the log.
    #[must_use]
    pub fn for_client(&self) -> String {
        match self {
            Self::Invalid(_) => {
                "not a component that this gateway can run: `openclaw components check FILE` says why".into()
            }
            Self::Damaged(_) | Self::Unreadable(_) => "its stored bytes are damaged or gone".into(),
            Self::Engine(_) => "the WebAssembly engine does not take it".into(),
            Self::Compiler(_) => "the gateway's compiler did not run: its log has more".into(),
            Self::Internal(_) => "the gateway could not load it: its log has more".into(),
            told => told.to_string(),
        }
    }
}

impl LoadError {
    pub(crate) fn engine(error: wasmtime::Error) -> Self {
        Self::Engine(error)
    }

    /// wasmtime's own words, the outermost and the cause, on one line.
    pub(crate) fn invalid(error: wasmtime::Error) -> Self {
        Self::Invalid(format!("{error:#}").replace('\n', " "))
    }
}

/// A call that did not end in a result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The params do not fit the method's schema.
    #[error("{0}")]
    InvalidParams(String),
    /// The handler, or a capability it passed on, said no.
    #[error("{}: {}", .0.code, .0.message)]
    Refused(Refusal),
    /// A quota of the tenant refused a write, and the handler passed that on.
    #[error("{} is used up", .0.quota)]
    Quota(Box<openclaw_billing::Refusal>),
    /// The component trapped, broke a limit or answered nonsense.
    #[error("component failed ({}): {}", .0.reason, .0.detail)]
    Failed(Failure),
    /// A component that it called failed so, and the handler passed that on.
    #[error("a component that it called failed ({}): {}", .0.reason, .0.detail)]
    InnerFailed(Failure),
    /// The gateway cannot take the call now.
    #[error("unavailable: {message}")]
    Unavailable {
        /// For the client.
        message: String,
        /// When to come back, in milliseconds; none where that does not mend it.
        retry_after_ms: Option<u32>,
    },
}

impl CallError {
    /// The contract's word for it.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::InvalidParams(_) => "INVALID_REQUEST",
            Self::Refused(refusal) => &refusal.code,
            Self::Quota(_) => "QUOTA_EXCEEDED",
            Self::Failed(_) | Self::InnerFailed(_) => "COMPONENT_FAILED",
            Self::Unavailable { .. } => "UNAVAILABLE",
        }
    }
}

/// A refusal in the words of the contract.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// INVALID_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, UNAVAILABLE, INTERNAL.
    pub code: String,
    /// For the client.
    pub message: String,
    /// Members for the reply's `error.data`.
    pub data: Option<serde_json::Map<String, serde_json::Value>>,
    /// For UNAVAILABLE; none where trying again does not mend it.
    pub retry_after_ms: Option<u32>,
}

/// How a component failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The limit it broke, if that was it.
    pub limit: Option<Limit>,
    /// `limit`, `trap` or `invalid-result`.
    pub reason: &'static str,
    /// For the log alone.
    pub detail: String,
}

/// Why nobody can say what a call is held to.
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    /// A budget and a row of the ledger are of an agent that is there, not of a name that somebody makes up.
    #[error("there is no agent {0:?}")]
    NoAgent(String),
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A text that is no grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no grant: {reason}")]
pub struct GrantError {
    /// As it was given, cut to a line's length.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A guest's words reach people's terminals: no control characters, no endless lines.
pub(crate) fn printable(message: &str) -> String {
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1000).collect()
}
