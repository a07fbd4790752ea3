//! Messaging accounts in memory, and what was sent by them.

use crate::bindings::openclaw::gateway::channels::Message;
use crate::{Error, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Accounts by channel and name, with whether they are connected.
#[derive(Default)]
pub(crate) struct Channels {
    accounts: BTreeMap<(String, String), bool>,
    sent: Vec<Message>,
}

impl Channels {
    pub(crate) fn add(&mut self, channel: &str, account: &str) {
        self.accounts.insert((channel.to_owned(), account.to_owned()), true);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    pub(crate) fn sent(&self) -> &[Message] {
        &self.sent
    }

    pub(crate) fn connect(&mut self, channel: &str, account: &str, connected: bool) -> Result<()> {
        *self.account(channel, account)? = connected;
        Ok(())
    }

    pub(crate) fn send(&mut self, message: &Message) -> Result<String> {
        if !*self.account(&message.channel, &message.account)? {
            return Err(Error::unavailable(format!("{} is not connected", message.channel), None));
        }
        self.sent.push(message.clone());
        Ok(format!("message-{}", self.sent.len()))
    }

    pub(crate) fn status(&self) -> Value {
        let account = |((channel, account), connected): (&(String, String), &bool)| json!({"channel": channel, "accountId": account, "connected": connected});
        self.accounts.iter().map(account).collect()
    }

    fn account(&mut self, channel: &str, account: &str) -> Result<&mut bool> {
        let found = self.accounts.get_mut(&(channel.to_owned(), account.to_owned()));
        found.ok_or_else(|| Error::not_found(format!("there is no account {account:?} of {channel}")))
    }
}
