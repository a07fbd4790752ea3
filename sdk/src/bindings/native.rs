//! The capabilities in memory, under the names that wit-bindgen gives them.
//!
//! Each file has the handles of one interface; what they stand on, the state of
//! a tenant under test, is `crate::testing`.

pub mod http;
pub mod openclaw {
    pub mod gateway;
}
pub mod wasi;
