//! Language models, metered by the host.

#![allow(clippy::disallowed_methods, reason = "JSON of the host, into a type of the handler")]

use crate::bindings::openclaw::gateway::model as raw;
use crate::{Call, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

pub use raw::Chunk;

/// The models that the tenant may use.
pub struct Model(raw::Provider);

/// An answer on its way: an iterator of its pieces. Dropping it cancels it; what
/// was used is billed.
pub struct Completion {
    answer: raw::Completion,
    has_ended: bool,
}

impl Call {
    /// Opens the tenant's models.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn model(&self) -> Result<Model> {
        raw::open(self).map(Model)
    }
}

impl Model {
    /// Begins an answer. `request` has `model`, `messages`, `tools?`,
    /// `maxTokens?` and `temperature?`; unknown members pass through.
    ///
    /// # Errors
    /// QUOTA_EXCEEDED, INVALID_REQUEST (a model without a price), UNAVAILABLE
    /// (the provider).
    pub fn complete(&self, request: &impl Serialize) -> Result<Completion> {
        let answer = self.0.complete(&serde_json::to_vec(request)?)?;
        Ok(Completion { answer, has_ended: false })
    }

    /// `[{id, name, provider, contextWindow?, reasoning?}]`.
    ///
    /// # Errors
    /// UNAVAILABLE, INTERNAL (the type does not fit).
    pub fn models<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.0.models()?)?)
    }
}

impl Completion {
    /// Waits for the next piece, and answers it with those that come within `window` after it (10 s at most): for
    /// an answer of thousands of pieces, of which each would be a call of the host's. Nothing at the end.
    ///
    /// # Errors
    /// QUOTA_EXCEEDED, UNAVAILABLE (the provider). An error is the last.
    pub fn gather(&mut self, window: Duration) -> Result<Vec<Chunk>> {
        if self.has_ended {
            return Ok(Vec::new());
        }
        let gathered = self.answer.gather(u32::try_from(window.as_millis()).unwrap_or(u32::MAX));
        self.has_ended = !gathered.as_ref().is_ok_and(|chunks| !chunks.is_empty());
        gathered
    }
}

/// Waits for each piece. An error is the last.
impl Iterator for Completion {
    type Item = Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let next = self.answer.next().transpose();
        self.has_ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl Chunk {
    /// The data as the type that follows from `kind`.
    ///
    /// # Errors
    /// INTERNAL when the type does not fit.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.data)?)
    }
}
