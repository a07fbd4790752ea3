//! `events`: the tenant's bus, which the test reads.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use std::rc::Rc;

pub struct Bus(Rc<Facts>);

pub fn open(call: &Call) -> Result<Bus, Error> {
    call.0.granted("events")?;
    call.0.tenant()?;
    Ok(Bus(Rc::clone(&call.0)))
}

impl Bus {
    pub fn publish(&self, event: &str, payload: &[u8]) -> Result<u64, Error> {
        self.0.publish(event, payload)
    }
}
