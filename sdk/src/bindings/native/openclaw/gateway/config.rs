//! `config`: the tenant's configuration, to read.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use std::rc::Rc;

pub struct Settings(Rc<Facts>);

pub fn open(call: &Call) -> Result<Settings, Error> {
    call.0.granted("config")?;
    Ok(Settings(Rc::clone(&call.0)))
}

impl Settings {
    pub fn snapshot(&self) -> Result<Vec<u8>, Error> {
        Ok(self.0.state.config.borrow().snapshot())
    }

    pub fn effective(&self, pointer: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.state.config.borrow().effective(pointer)
    }

    pub fn schema(&self) -> Result<Vec<u8>, Error> {
        Ok(self.0.state.config.borrow().schema())
    }
}
