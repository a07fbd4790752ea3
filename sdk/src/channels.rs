//! The tenant's messaging channels.

#![allow(clippy::disallowed_methods, reason = "JSON of the host")]

use crate::bindings::openclaw::gateway::channels as raw;
use crate::{Call, Result};
use serde::de::DeserializeOwned;

pub use raw::Message;

/// The tenant's accounts on its channels.
pub struct Channels(raw::Accounts);

impl Call {
    /// Opens the tenant's channels.
    ///
    /// # Errors
    /// FORBIDDEN when the capability was not granted.
    pub fn channels(&self) -> Result<Channels> {
        raw::open(self).map(Channels)
    }
}

impl Message {
    /// A text from the default account, with nothing attached; what is to be
    /// different is a field.
    #[must_use]
    pub fn text(channel: impl Into<String>, to: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            channel: channel.into(),
            account: String::new(),
            to: to.into(),
            text: text.into(),
            extra: b"{}".to_vec(),
        }
    }
}

impl Channels {
    /// Connects an account.
    ///
    /// # Errors
    /// NOT_FOUND (no such channel or account), UNAVAILABLE.
    pub fn start(&self, channel: &str, account: &str) -> Result<()> {
        self.0.start(channel, account)
    }

    /// Disconnects an account.
    ///
    /// # Errors
    /// NOT_FOUND (no such channel or account), UNAVAILABLE.
    pub fn stop(&self, channel: &str, account: &str) -> Result<()> {
        self.0.stop(channel, account)
    }

    /// Sends a message; answers the channel's own id of it.
    ///
    /// # Errors
    /// NOT_FOUND (no such channel or account), UNAVAILABLE (not connected).
    pub fn send(&self, message: &Message) -> Result<String> {
        self.0.send(message)
    }

    /// A list of ChannelAccountSnapshot.
    ///
    /// # Errors
    /// UNAVAILABLE, INTERNAL (the type does not fit).
    pub fn status<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.0.status()?)?)
    }
}
