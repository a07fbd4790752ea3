//! Testing a handler by `cargo test`, on the native target and without a gateway.
//!
//! A [`Tenant`] runs the handler's own code: the wrappers of this crate are the
//! same, and what they open is in memory. It answers as the host does: the same
//! checks against the manifest's schemas, the same codes. What the limits of a
//! call cost, only the real runtime knows: `openclaw components test`.
//!
//! | capability | in a test |
//! |---|---|
//! | documents, files, secrets, vectors, timers, configuration, registration | in memory, to be filled and seen |
//! | events, log, channels | kept, to be looked at |
//! | clocks, randomness | stand still and repeat, until the test moves them |
//! | tasks | wait for the test to run them |
//! | methods | of the handlers that the tenant has, or played by the test |
//! | requests elsewhere, sandbox, terminals, models, embeddings, nodes, usage | played by the test, or not granted |
//!
//! The greeter of the crate's documentation is tested so:
//!
//! ```
//! # use openclaw_sdk::{Call, JsonSchema, Result, serde, serde_json::{Value, json}};
//! # /// Greets people.
//! # #[openclaw_sdk::handler(family = "greeter", version = "0.1.0", events("greeter.greeted"))]
//! # mod greeter {
//! #     use super::*;
//! #     #[derive(serde::Deserialize, JsonSchema)]
//! #     #[serde(crate = "serde", deny_unknown_fields)]
//! #     struct Hello { name: String }
//! #     #[derive(serde::Serialize, JsonSchema)]
//! #     #[serde(crate = "serde")]
//! #     struct Greeting { text: String }
//! #     /// Says hello.
//! #     #[method(scope = write)]
//! #     fn hello(call: &Call, params: Hello) -> Result<Greeting> {
//! #         call.events()?.publish("greeter.greeted", &params.name)?;
//! #         Ok(Greeting { text: format!("Hello, {}!", params.name) })
//! #     }
//! # }
//! use openclaw_sdk::testing::Tenant;
//!
//! # fn main() -> Result<()> {
//! let tenant = Tenant::new(greeter::HANDLER);
//! let greeting: Value = tenant.call("greeter.hello", json!({"name": "Ada"}))?;
//! assert_eq!(greeting, json!({"text": "Hello, Ada!"}));
//! assert_eq!(tenant.events()[0].payload, "Ada");
//!
//! let refused = tenant.call::<_, Value>("greeter.hello", json!({"nmae": "Ada"})).unwrap_err();
//! assert_eq!(refused.code, "INVALID_REQUEST");
//! # Ok(())
//! # }
//! ```

pub(crate) mod call;
mod caller;
mod channels;
pub(crate) mod clock;
mod config;
pub(crate) mod documents;
pub(crate) mod files;
mod manifest;
pub(crate) mod random;
mod scripted;
pub(crate) mod scripts;
mod state;
pub(crate) mod tasks;
mod tenant;
pub(crate) mod vectors;

pub use scripted::Said;
pub use scripts::Invocation;
pub use state::{Event, LogLine, Usage};
pub use tenant::Tenant;
