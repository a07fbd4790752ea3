//! Configuration: the gateway's `config.yaml` and the tenants' overlays of it.
//!
//! Text becomes values in [`text`]; the gateway's own keys are the types of [`gateway`], put
//! together from file, environment and flags by [`load`]; [`overlay`] says what a tenant may change
//! and how that lies over the gateway's part; [`store`] reads and writes the files; [`schema`]
//! describes both.

#![forbid(unsafe_code)]

mod check;
pub mod gateway;
pub mod json;
pub mod load;
pub mod overlay;
pub mod path;
pub mod schema;
pub mod secret;
mod shape;
pub mod store;
pub mod text;

pub use gateway::GatewayConfig;
pub use load::{
    ConfigError, ConfigErrors, Explanation, File, Loaded, Located, Source, Warning, effective, load,
    quota_without_effect,
};
pub use overlay::{Offence, OffenceKind};
pub use path::{KeyPath, Segment};
pub use secret::{REDACTED, Secret};
pub use shape::closest;
pub use store::{ConfigStore, Damaged, Place, Snapshot, Subject, WriteError};
pub use text::{Position, TextError};
