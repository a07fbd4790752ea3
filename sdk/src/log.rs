//! Lines in the gateway's log; tenant, family and request id are added there.

use crate::bindings::openclaw::gateway::log as raw;

pub use raw::Level;

/// Writes a line with fields. What is over the host's limits is dropped.
pub fn emit(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<_> = fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    raw::emit(level, message, &fields);
}

/// Writes a line about something that an operator should look at.
pub fn warn(message: &str) {
    emit(Level::Warn, message, &[]);
}

/// Writes a line about something that went as it should.
pub fn info(message: &str) {
    emit(Level::Info, message, &[]);
}
