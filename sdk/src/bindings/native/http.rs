//! Hosts elsewhere: those that the test plays.

use super::openclaw::gateway::calls::Call;
use crate::http::{Request, Response};
use crate::testing::call::Facts;
use crate::{Error, Result};
use std::rc::Rc;

pub struct Client(Rc<Facts>);

pub fn open(call: &Call) -> Result<Client, Error> {
    call.0.granted("http")?;
    call.0.state.scripts.http.check(&call.0, "http")?;
    Ok(Client(Rc::clone(&call.0)))
}

impl Client {
    pub fn send(&self, request: &Request) -> Result<Response> {
        self.0.state.scripts.http.play(request)
    }
}
