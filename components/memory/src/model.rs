//! What the vectors of an index were made by.

use openclaw_sdk::embeddings::Embedder;
use serde::{Deserialize, Serialize};

/// Vectors of two models cannot be compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) dimensions: u32,
}

impl Model {
    pub(crate) fn of(embedder: &Embedder) -> Self {
        Self { name: embedder.name(), dimensions: embedder.dimensions() }
    }
}
