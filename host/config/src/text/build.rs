//! What all notations have in common: the reader behind them, and the shape of their errors.

use serde::de::{Deserialize, Deserializer};
use serde_json::Value;

use super::{MAX_DEPTH, Position, TextError};
use crate::json::{self, Numbers};

/// A whole document, whatever its parser would let pass.
pub(super) struct Root(pub(super) Value);

impl<'de> Deserialize<'de> for Root {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::build(deserializer, MAX_DEPTH, Numbers::Whole).map(Root)
    }
}

/// A parser's message without the position that some of them append.
pub(super) fn text_error(message: &str, position: Option<Position>) -> TextError {
    let message = message.lines().next().unwrap_or(message);
    let message = message.split(" at line ").next().unwrap_or(message);
    TextError { position, message: message.to_owned() }
}
