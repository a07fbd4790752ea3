//! What the configuration says of prices and of who serves models, put in force.

use jiff::Timestamp;
use openclaw_billing::{RateCard, UsageLedger};
use openclaw_config::{ConfigErrors, File, KeyPath, Loaded, Located, gateway::RateCardSource};
use serde_json::Value;

/// Why a configuration's prices are not put in force.
#[derive(Debug, thiserror::Error)]
pub enum RateCardError {
    /// The file that it names.
    #[error("billing.rate_card: {path} cannot be read: {error}")]
    Unreadable {
        /// As it is named.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// What the card says.
    #[error(transparent)]
    Wrong(#[from] ConfigErrors),
}

/// The rate card of a configuration; without one no model has a price.
pub fn rate_card(loaded: &Loaded) -> Result<RateCard, RateCardError> {
    match &loaded.config.billing.rate_card {
        None => Ok(RateCard::empty()),
        Some(RateCardSource::Inline(card)) => {
            let at = KeyPath::of_keys(["billing", "rate_card"]);
            Ok(RateCard::read(&Located::part(Value::Object(card.clone()), &at, loaded))?)
        }
        Some(RateCardSource::File(path)) => {
            let text = read(path).map_err(|error| RateCardError::Unreadable { path: path.clone(), error })?;
            Ok(RateCard::parse(File { name: path, text: &text })?)
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the operator names this file")]
fn read(path: &str) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

/// Compares the ledger with itself, for the running month, and tells the log of whatever does not agree.
pub(crate) async fn check(ledger: &UsageLedger) {
    match ledger.check(Some(Timestamp::now())).await {
        Ok(found) => {
            for discrepancy in found {
                tracing::error!(%discrepancy, "the ledger does not agree with itself: see `openclaw doctor`");
            }
        }
        Err(error) => tracing::error!(%error, "the ledger cannot be checked"),
    }
}
