//! What a handler is written with: the [`macro@handler`] macro, typed wrappers
//! of the capabilities, the errors that reach the client, and [`testing`].
//!
//! ```
//! use openclaw_sdk::{Call, JsonSchema, Result, documents::Document, serde};
//!
//! /// Greets people.
//! #[openclaw_sdk::handler(family = "greeter", events("greeter.greeted"))]
//! mod greeter {
//!     use super::*;
//!
//!     #[derive(serde::Deserialize, JsonSchema)]
//!     #[serde(crate = "serde", deny_unknown_fields)]
//!     struct Hello {
//!         name: String,
//!     }
//!
//!     #[derive(serde::Serialize, JsonSchema)]
//!     #[serde(crate = "serde")]
//!     struct Greeting {
//!         text: String,
//!     }
//!
//!     /// Says hello.
//!     #[method(scope = write)]
//!     fn hello(call: &Call, params: Hello) -> Result<Greeting> {
//!         call.documents()?.transaction().put("people", &params.name, &1, 0)?.commit()?;
//!         call.events()?.publish("greeter.greeted", &params.name)?;
//!         Ok(Greeting { text: format!("Hello, {}!", params.name) })
//!     }
//! }
//!
//! # #[cfg(not(target_arch = "wasm32"))]
//! # fn main() -> Result<()> {
//! // As its tests call it, without a gateway:
//! let tenant = openclaw_sdk::testing::Tenant::new(greeter::HANDLER);
//! let greeting: serde_json::Value = tenant.call("greeter.hello", serde_json::json!({"name": "Ada"}))?;
//! assert_eq!(greeting["text"], "Hello, Ada!");
//! # Ok(())
//! # }
//! ```
//!
//! A capability is opened from the [`Call`] that a handler is given. A wrapper
//! that a handler does not use leaves no import in the compiled component, so
//! what a handler uses is exactly what the operator is asked to grant.
//!
//! The same code runs on two targets: in a component the wrappers call the
//! gateway, on the native target what stands for it in a test.

pub mod agents;
mod alloc;
mod answer;
#[doc(hidden)]
pub mod bindings;
mod call;
pub mod channels;
mod component;
pub mod config;
pub mod documents;
pub mod embeddings;
mod error;
pub mod events;
pub mod files;
pub mod http;
pub mod log;
pub mod methods;
pub mod model;
pub mod nodes;
mod patch;
pub mod pty;
mod random;
pub mod sandbox;
mod schema;
pub mod secrets;
pub mod tasks;
pub mod tenancy;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod text;
mod time;
pub mod timers;
pub mod usage;
pub mod vectors;

pub use answer::{Answer, Encoded};
pub use call::Call;
pub use component::{Handler, Migrate};
pub use error::{Error, Result};
pub use patch::Patch;
pub use random::ulid;
pub use schemars::JsonSchema;
pub use serde;
pub use serde_json;
pub use time::{monotonic_ms, now_ms, rfc3339, sleep};

#[doc(hidden)]
pub use component::{Capability, Manifest, Method, SharedCollection, dispatch, method_not_found, signature};

/// Makes a module of functions a handler, and its crate a component.
///
/// ```
/// # use openclaw_sdk::{Call, NoParams, Result};
/// # mod settings { pub fn reset(_: &super::Call, _: super::NoParams) -> super::Result<u32> { Ok(0) } }
/// /// Keeps notes of a tenant's customers.
/// #[openclaw_sdk::handler(
///     family = "crm",
///     version = "1.2.0",
///     events("crm.changed"),
///     shared_documents("sessions/sessions", "sessions/archives:write"),
///     capabilities("memory-mb:64" = "sorts all notes at once", "secret:mail"),
/// )]
/// mod crm {
///     use super::*;
///
///     /// How many notes there are.
///     #[method(scope = read)]
///     fn count(call: &Call, _: NoParams) -> Result<u64> {
///         call.documents()?.collection("notes").count("")
///     }
///
///     /// Forgets every setting.
///     #[method(scope = write, name = "crm.settings.reset", timeout_ms = 5000)]
///     use super::settings::reset;
/// }
/// # fn main() {}
/// ```
///
/// Of the handler: `family` is the first word of its methods. `version` is the
/// crate's and `description` the module's doc comment, where they are left out.
/// `events` are those that it publishes, `shared_documents` the collections of
/// other families that it reads (or, with `:write`, changes), `capabilities` the
/// grants that it asks for by name, each with its reason.
///
/// Of a method: its `name` is the family's and the function's, its summary the
/// first paragraph of the doc comment. `scope` is `read`, `write`, `pairing` or
/// `approvals`; `tier` is `tenant`, unless it is one of the gateway's own
/// (`core`, `companion`). A function takes the [`Call`] and its parameters and
/// answers a [`Result`]; a function of another file is given by `use`. Parameters
/// and results are serde and schemars types, which become the JSON Schemas; those
/// of parameters deny unknown fields.
///
/// One function may stand under `#[migrate]`: `fn(&Call, Option<&str>) -> Result<()>`.
/// It brings the documents that another version left into the form of this one,
/// before this one answers a tenant's first call; the second argument is the
/// version whose migration ran last. Where it fails, or the version is rolled
/// back, the host puts the documents back as they were.
///
/// The module stays as it is and gains `manifest()`, `handle()` and `HANDLER`,
/// which is both, for [`testing`].
pub use openclaw_sdk_macros::handler;

use serde::{Deserialize, Serialize};

/// The parameters of a method that takes none.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}
