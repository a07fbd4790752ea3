//! Language models and embeddings: who serves them, how they are asked, and what each call costs.
//!
//! There is one way to a provider, [`Models::call`], and it goes through the ledger: the dearest end of a call is
//! reserved before a byte is sent, and the true one is settled before the last of the answer is told. Read a call
//! downward: `request.rs` checks and counts it, `catalog.rs` says who serves it, `metered.rs` runs it, `http.rs` sends
//! it, `incoming.rs` reads what comes, `tally.rs` adds it up.
//!
//! What providers send is taken apart by pure functions, so that every shape of every provider is a line in a test:
//! [`sse`] reads an event stream in bounded memory, [`usage`] takes a report apart into classes of tokens that do not
//! overlap (start there: it says why), [`openai`] and [`anthropic`] turn what they stream into the [`event`]s that all
//! share, and `render.rs` tells events as OpenAI would (`responses.rs` for the providers that have no such interface).
//! [`scripted`] is the model that answers from a file, [`hashed`] the built-in embedding. [`credential`] holds a
//! provider's key and never shows it.

#![forbid(unsafe_code)]

pub mod anthropic;
mod breaker;
mod catalog;
pub mod credential;
mod ended;
mod error;
pub mod event;
pub mod hashed;
mod http;
mod incoming;
mod metered;
pub mod openai;
mod render;
mod request;
mod responses;
pub mod scripted;
pub mod sse;
mod tally;
mod tokens;
pub mod usage;
mod warnings;

pub use catalog::{CatalogError, Offered};
pub use ended::{End, Ended, Listener};
pub use error::{ModelError, ProviderError};
pub use incoming::WHOLE_BYTES;
pub use metered::{Answer, Ask, Counted, Entered, Models, Piece};
pub use render::Rendering;
pub use request::{Endpoint, NO_MODEL};
pub use responses::request::chat_request;
