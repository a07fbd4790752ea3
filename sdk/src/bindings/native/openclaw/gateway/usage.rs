//! `usage`: the ledger that the test gives.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use serde_json::Value;
use std::rc::Rc;

const MONTHS: u32 = 120;

pub struct Ledger(Rc<Facts>);

pub fn open(call: &Call) -> Result<Ledger, Error> {
    call.0.granted("usage")?;
    call.0.tenant()?;
    match call.0.state.usage.borrow().is_some() {
        true => Ok(Ledger(Rc::clone(&call.0))),
        false => Err(call.0.not_granted("usage")),
    }
}

impl Ledger {
    fn read(&self, read: impl FnOnce(&crate::testing::Usage) -> Value) -> Result<Vec<u8>, Error> {
        let usage = self.0.state.usage.borrow();
        Ok(read(&usage.clone().unwrap_or_default()).to_string().into_bytes())
    }

    pub fn current(&self, _refresh_disk: bool) -> Result<Vec<u8>, Error> {
        self.read(|usage| usage.current.clone())
    }

    pub fn quota_status(&self) -> Result<Vec<u8>, Error> {
        self.read(|usage| usage.quota_status.clone())
    }

    pub fn history(&self, months: u32) -> Result<Vec<u8>, Error> {
        if months == 0 || months > MONTHS {
            return Err(Error::invalid(format!("months is 1 to {MONTHS}")));
        }
        self.read(|usage| usage.history.iter().take(months as usize).cloned().collect())
    }
}
