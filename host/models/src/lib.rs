//! Language models and embeddings: what a provider sends, read so that it can be billed.
//!
//! Nothing here opens a connection. This is the part of talking to a provider that is pure: bytes and JSON go in,
//! typed values come out, so that every shape of every provider is a line in a test.
//!
//! - [`sse`] reads a provider's event stream, in bounded memory.
//! - [`usage`] takes a provider's report apart into classes of tokens that do not overlap. Start there: it says why.
//! - [`openai`] and [`anthropic`] turn what they stream into the [`event`]s that all providers share.
//! - [`scripted`] is the model that answers from a file.
//! - [`credential`] holds a provider's key, from the configuration, the environment or a file, and never shows it.
//! - [`hashed`] is the built-in embedding, for a gateway without a provider of one.

#![forbid(unsafe_code)]

pub mod anthropic;
pub mod credential;
pub mod event;
pub mod hashed;
pub mod openai;
pub mod scripted;
pub mod sse;
pub mod usage;
