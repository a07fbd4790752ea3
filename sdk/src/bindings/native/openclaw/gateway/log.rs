//! `log`: lines that the test reads.

pub use crate::bindings::generated::openclaw::gateway::log::Level;

pub fn emit(level: Level, message: &str, fields: &[(String, String)]) {
    crate::testing::call::log(level, message, fields);
}
