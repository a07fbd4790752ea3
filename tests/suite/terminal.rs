//! Terminals as people use them: over their own WebSocket, by the command line, in a browser.

mod command;
pub(crate) mod page;
mod socket;
