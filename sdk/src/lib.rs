//! What a handler is written with: the [`component!`] macro, typed wrappers of
//! the capabilities, and the errors that reach the client.
//!
//! A capability is opened from the [`Call`] that a handler is given. A wrapper
//! that a handler does not use leaves no import in the compiled component, so
//! what a handler uses is exactly what the operator is asked to grant.

mod alloc;
mod answer;
#[doc(hidden)]
pub mod bindings;
mod call;
mod component;
pub mod config;
pub mod documents;
mod error;
pub mod events;
pub mod files;
pub mod log;
mod patch;
mod random;
mod schema;
pub mod secrets;
pub mod tenancy;
mod time;
pub mod usage;

pub use answer::{Answer, Encoded};
pub use call::Call;
pub use error::{Error, Result};
pub use patch::Patch;
pub use random::ulid;
pub use schemars::JsonSchema;
pub use serde;
pub use serde_json;
pub use time::{monotonic_ms, now_ms, rfc3339};

#[doc(hidden)]
pub use component::{Manifest, Method, SharedCollection, dispatch, method_not_found, signature};

use serde::{Deserialize, Serialize};

/// The parameters of a method that takes none.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}
