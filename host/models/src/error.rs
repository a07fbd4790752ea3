//! Why a model did not answer. What a client may read of it and what is for the log are different texts, and neither
//! holds a key.

use std::time::Duration;

use openclaw_billing::{LedgerError, ReserveError};

/// A call that did not end in an answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No provider offers it, or this caller may not use it.
    #[error("there is no model {0:?}")]
    Unknown(String),
    /// The request says something that no provider could do.
    #[error("{0}")]
    Invalid(String),
    /// The ledger did not admit it: a budget, or a model without a price.
    #[error(transparent)]
    Reserve(#[from] ReserveError),
    /// The tenant has as many calls under way as it may have.
    #[error("too many model calls of this tenant are under way")]
    Busy,
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The answer was there, and could not be written down.
    #[error("the call could not be settled: {0}")]
    Settle(LedgerError),
}

impl ModelError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }
}

/// What became of a request to a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// No connection: nothing was sent.
    #[error("{provider} cannot be reached")]
    Unreachable { provider: String, detail: String },
    /// It failed too often: nothing was sent.
    #[error("{provider} failed several times and is tried again later")]
    Resting { provider: String, retry_after: Duration },
    /// There is no key to call it with: nothing was sent.
    #[error("{provider} cannot be called: its key is missing")]
    NoKey { provider: String, detail: String },
    /// It answered with an error.
    #[error("{provider} answered {status}{}", message.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Refused {
        provider: String,
        status: u16,
        /// Its own words, where they are about the request and not about the gateway's account.
        message: Option<String>,
        retry_after: Option<Duration>,
        detail: String,
    },
    #[error("{provider} did not answer in time")]
    TimedOut { provider: String },
    /// The answer broke off, or is none.
    #[error("the answer of {provider} broke off")]
    Broken { provider: String, detail: String },
    /// The answer is more than is taken here.
    #[error("the answer of {provider} is larger than {most} bytes")]
    TooLarge { provider: String, most: usize },
}

impl ProviderError {
    /// Whether the request may have reached the provider and be billed.
    pub(crate) fn was_sent(&self) -> bool {
        !matches!(self, Self::Unreachable { .. } | Self::Resting { .. } | Self::NoKey { .. })
    }

    /// Whether another model may do better.
    pub(crate) fn is_of_the_provider(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status >= 500 || matches!(status, 401 | 403 | 404 | 408 | 429),
            Self::Unreachable { .. } | Self::Resting { .. } | Self::NoKey { .. } | Self::TimedOut { .. } => true,
            Self::Broken { .. } | Self::TooLarge { .. } => false,
        }
    }

    /// Whether it says that the provider is not well.
    pub(crate) fn is_a_failure(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status >= 500,
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Broken { .. } => true,
            // Nothing was asked of it, or the limit was ours.
            Self::Resting { .. } | Self::NoKey { .. } | Self::TooLarge { .. } => false,
        }
    }

    /// When to come back, where the provider or the gateway knows.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Resting { retry_after, .. } => Some(*retry_after),
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the request itself is at fault, by the provider's word.
    #[must_use]
    pub fn is_of_the_request(&self) -> bool {
        matches!(self, Self::Refused { status: 400 | 413 | 415 | 422, .. })
    }

    /// What went wrong, for the log: without the provider's own words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "a provider cannot be reached",
            Self::Resting { .. } => "a provider is tried again later",
            Self::NoKey { .. } => "the key of a provider is missing",
            Self::Refused { .. } => "a provider refused a call",
            Self::TimedOut { .. } => "a provider did not answer in time",
            Self::Broken { .. } => "an answer broke off",
            Self::TooLarge { .. } => "an answer is larger than is taken",
        }
    }

    /// What else is known of it, for the log.
    pub(crate) fn for_log(&self) -> String {
        match self {
            Self::Unreachable { detail, .. } | Self::NoKey { detail, .. } | Self::Broken { detail, .. } => {
                detail.clone()
            }
            Self::Refused { status, detail, .. } => format!("{status} {detail}"),
            Self::TooLarge { most, .. } => format!("more than {most} bytes"),
            Self::Resting { .. } | Self::TimedOut { .. } => String::new(),
        }
    }
}
