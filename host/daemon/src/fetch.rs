//! Fetching for a verb (`host/fetch`), and its failures as this program tells them.

use std::time::Duration;

use openclaw_fetch::{Allowed, FetchError, Fetcher, Refusal};

use crate::error::{CliError, Kind};

const TIME: Duration = Duration::from_secs(300);

/// The public addresses alone, where the operator says nothing else.
pub(crate) fn fetcher(anywhere: bool) -> Fetcher {
    let allowed = if anywhere { Allowed::Anywhere } else { Allowed::Public([].into()) };
    Fetcher::of("", allowed, TIME)
}

impl From<FetchError> for CliError {
    fn from(error: FetchError) -> Self {
        let kind = match &error {
            FetchError::Address { .. } => Kind::Usage,
            FetchError::NotFound { .. } => Kind::NotFound,
            FetchError::Login(_) => Kind::Authentication,
            FetchError::Unreachable { .. } => Kind::Unreachable,
            FetchError::Refused { .. } | FetchError::Answered { .. } | FetchError::Here(_) => Kind::Failed,
        };
        let told = Self::new(kind, error.to_string());
        match error {
            FetchError::Refused { refusal: Refusal::PrivateAddress(_), .. } => {
                told.hint("--allow-private-addresses fetches from your own networks too")
            }
            FetchError::Login(_) => told.hint("say who you are with --username and --password-file"),
            _ => told,
        }
    }
}
