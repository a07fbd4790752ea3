//! The call being answered: the root of a handler's authority.

/// The call being answered. Every capability is opened from it.
pub use crate::bindings::openclaw::gateway::calls::Call;
