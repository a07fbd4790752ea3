//! The raw capabilities, below the wrappers that handlers use.
//!
//! In a component they are what wit-bindgen makes of `wit/`: imports of the
//! host. On the native target, where a handler's tests run, the same names are
//! `native`: the records are generated too, the rest is in memory.

mod generated;
#[cfg(not(target_arch = "wasm32"))]
mod native;

#[cfg(target_arch = "wasm32")]
pub use generated::*;
#[cfg(not(target_arch = "wasm32"))]
pub use native::*;
