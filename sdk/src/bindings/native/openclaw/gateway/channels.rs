//! `channels`: accounts whose messages the test reads.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use std::rc::Rc;

pub use crate::bindings::generated::openclaw::gateway::channels::Message;

pub struct Accounts(Rc<Facts>);

pub fn open(call: &Call) -> Result<Accounts, Error> {
    call.0.granted("channels")?;
    call.0.tenant()?;
    match call.0.state.channels.borrow().is_empty() {
        true => Err(call.0.not_granted("channels")),
        false => Ok(Accounts(Rc::clone(&call.0))),
    }
}

impl Accounts {
    pub fn start(&self, channel: &str, account: &str) -> Result<(), Error> {
        self.0.state.channels.borrow_mut().connect(channel, account, true)
    }

    pub fn stop(&self, channel: &str, account: &str) -> Result<(), Error> {
        self.0.state.channels.borrow_mut().connect(channel, account, false)
    }

    pub fn send(&self, message: &Message) -> Result<String, Error> {
        self.0.state.channels.borrow_mut().send(message)
    }

    pub fn status(&self) -> Result<Vec<u8>, Error> {
        Ok(self.0.state.channels.borrow().status().to_string().into_bytes())
    }
}
