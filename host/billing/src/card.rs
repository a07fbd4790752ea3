//! The rate card: from the name of a model, as it is requested, to its prices.
//!
//! A card is refused as a whole when anything in it is unknown or out of order; a model that it does
//! not name has the prices of its entry `default`, and without one no price at all: never zero. Its
//! version is a digest of what it says, so the same prices always have the same version.

use std::collections::BTreeMap;

use jiff::Timestamp;
use openclaw_config::{ConfigErrors, File, KeyPath, Located};
use sha2::{Digest, Sha256};

use crate::price::Prices;

mod format;
#[cfg(test)]
mod tests;

use format::CardFormat;

/// The entry for models that have none.
const DEFAULT: &str = "default";
/// Characters of a version: 64 bits of the digest.
const VERSION: usize = 16;

/// The prices of every model, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateCard {
    version: String,
    text: String,
    /// Newest first.
    models: BTreeMap<String, Vec<Prices>>,
}

/// The prices that hold for one call, and where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule<'c> {
    /// The entry's name; `default` for a model without one.
    pub entry: &'c str,
    pub prices: &'c Prices,
}

/// A model cannot be called because nobody said what it costs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unpriced {
    #[error("the rate card has no price for the model {0:?} and no entry \"default\": add one to billing.rate_card")]
    Unknown(String),
    #[error("the prices of the model {model:?} begin at {from}")]
    NotYet { model: String, from: Timestamp },
}

impl RateCard {
    /// A file, YAML or JSON.
    pub fn parse(file: File<'_>) -> Result<Self, ConfigErrors> {
        Self::read(&Located::parse(file)?)
    }

    /// A card that was read already, with its places; `billing.rate_card` as it stands inline.
    pub fn read(card: &Located) -> Result<Self, ConfigErrors> {
        let format: CardFormat = card.read()?;
        let mut errors = Vec::new();
        let mut models = BTreeMap::new();
        for (name, entry) in &format.0 {
            match entry.prices(&KeyPath::of_keys([name])) {
                Ok(prices) => {
                    models.insert(name.clone(), prices);
                }
                Err(wrong) => errors.extend(wrong.into_iter().map(|(path, message)| card.error(&path, message))),
            }
        }
        if !errors.is_empty() {
            return Err(ConfigErrors(errors));
        }
        let text = format.to_text();
        let digest = hex::encode(Sha256::digest(&text));
        Ok(Self { version: digest[..VERSION].to_owned(), text, models })
    }

    /// The card that prices nothing, so that every model is refused.
    pub fn empty() -> Self {
        Self { version: String::new(), text: "{}".to_owned(), models: BTreeMap::new() }
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    /// The card as JSON, from which it can be read again.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has an entry of this very name.
    pub fn names(&self, model: &str) -> bool {
        self.models.contains_key(model)
    }

    /// The prices of a model at a time.
    pub fn rule(&self, model: &str, at: Timestamp) -> Result<Rule<'_>, Unpriced> {
        let listed = self.models.get_key_value(model).or_else(|| self.models.get_key_value(DEFAULT));
        let (entry, prices) = listed.ok_or_else(|| Unpriced::Unknown(model.to_owned()))?;
        let valid = prices.iter().find(|prices| prices.valid_from.is_none_or(|from| from <= at));
        let first = || prices.last().and_then(|prices| prices.valid_from).unwrap_or(Timestamp::MAX);
        valid
            .map(|prices| Rule { entry, prices })
            .ok_or_else(|| Unpriced::NotYet { model: model.to_owned(), from: first() })
    }
}
