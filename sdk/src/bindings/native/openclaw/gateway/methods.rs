//! `methods`: the tenant's other handlers, and those that the test plays.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use std::rc::Rc;

pub struct Client(Rc<Facts>);

pub fn open(call: &Call) -> Result<Client, Error> {
    call.0.granted("methods")?;
    call.0.tenant()?;
    Ok(Client(Rc::clone(&call.0)))
}

impl Client {
    pub fn call(&self, method: &str, params: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.call_method(method, params)
    }
}
