//! Turning text into vectors, metered like the models.

use crate::bindings::openclaw::gateway::embeddings as raw;
use crate::{Call, Result};

/// How many texts one call to the host may hold.
const BATCH_SIZE: usize = 256;

/// The tenant's embedding model.
pub struct Embedder(raw::Embedder);

impl Call {
    /// Opens the tenant's embedding model.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn embeddings(&self) -> Result<Embedder> {
        raw::open(self).map(Embedder)
    }
}

impl Embedder {
    /// The name under which its vectors may be compared.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// How many numbers a vector has.
    #[must_use]
    pub fn dimensions(&self) -> u32 {
        self.0.dimensions()
    }

    /// One vector a text of at most 8,192 tokens, in their order.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit), QUOTA_EXCEEDED, UNAVAILABLE (the provider).
    pub fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH_SIZE) {
            vectors.extend(self.0.embed(batch)?);
        }
        Ok(vectors)
    }
}
