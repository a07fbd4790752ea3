//! Turning text into vectors, metered like the models.

use crate::bindings::openclaw::gateway::embeddings as raw;
use crate::{Call, Result};

/// How many texts one call to the host may hold, and how many bytes.
const BATCH_SIZE: usize = 256;
const BATCH_BYTES: usize = 1 << 20;

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

    /// Who makes its vectors: `builtin`, the gateway itself, or the operator's id of the provider; empty where no
    /// provider has the model.
    #[must_use]
    pub fn provider(&self) -> String {
        self.0.provider()
    }

    /// How many numbers a vector has.
    #[must_use]
    pub fn dimensions(&self) -> u32 {
        self.0.dimensions()
    }

    /// One vector a text of at most 64 KiB, in their order.
    ///
    /// # Errors
    /// INVALID_REQUEST (a limit), QUOTA_EXCEEDED, UNAVAILABLE (the provider).
    pub fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        in_batches(texts, |batch| self.0.embed(batch))
    }

    /// As [`Embedder::embed`], for an agent of the tenant: what it costs counts for the agent's budgets too, and is of
    /// the session and run in which this call, or else one that it is inside of, last asked a model for that agent.
    ///
    /// # Errors
    /// As [`Embedder::embed`]; INVALID_REQUEST where it costs something and the tenant has no such agent.
    pub fn embed_for(&self, texts: &[String], agent: &str) -> Result<Vec<Vec<f32>>> {
        in_batches(texts, |batch| self.0.embed_for(batch, agent))
    }
}

fn in_batches(texts: &[String], embed: impl Fn(&[String]) -> Result<Vec<Vec<f32>>>) -> Result<Vec<Vec<f32>>> {
    let mut vectors = Vec::with_capacity(texts.len());
    let mut rest = texts;
    while !rest.is_empty() {
        let (batch, others) = rest.split_at(batch(rest));
        vectors.extend(embed(batch)?);
        rest = others;
    }
    Ok(vectors)
}

/// How many of these texts go into one call: at least one, which the host refuses where it is too long.
fn batch(texts: &[String]) -> usize {
    let mut bytes = 0;
    let fits = |text: &&String| {
        bytes += text.len();
        bytes <= BATCH_BYTES
    };
    texts.iter().take(BATCH_SIZE).take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_so_many_texts_and_so_many_bytes() {
        assert_eq!(batch(&vec![String::new(); 300]), BATCH_SIZE);
        assert_eq!(batch(&vec!["x".repeat(BATCH_BYTES / 3); 9]), 3);
        assert_eq!(batch(&["x".repeat(BATCH_BYTES + 1)]), 1);
    }
}
