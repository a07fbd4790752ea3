//! `timers`: the family's timers, which the test looks at.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use std::rc::Rc;

pub use crate::bindings::generated::openclaw::gateway::timers::Timer;

const NAME_BYTES: usize = 128;
const PAYLOAD_BYTES: usize = 64 << 10;
const TIMERS: usize = 10_000;
const PAGE: u32 = 1000;

pub struct Wheel(Rc<Facts>);

pub fn open(call: &Call) -> Result<Wheel, Error> {
    call.0.granted("timers")?;
    call.0.tenant()?;
    Ok(Wheel(Rc::clone(&call.0)))
}

impl Wheel {
    pub fn set(&self, timer: &Timer) -> Result<(), Error> {
        if timer.name.is_empty() || timer.name.len() > NAME_BYTES {
            return Err(Error::invalid(format!("a timer's name is 1 to {NAME_BYTES} bytes")));
        }
        if timer.payload.len() > PAYLOAD_BYTES {
            return Err(Error::invalid(format!("a timer's payload is at most {PAYLOAD_BYTES} bytes")));
        }
        let mut timers = self.0.state.timers.borrow_mut();
        let own = timers.entry(self.0.family().to_owned()).or_default();
        if own.len() == TIMERS && !own.contains_key(&timer.name) {
            return Err(Error::invalid(format!("a family has at most {TIMERS} timers")));
        }
        own.insert(timer.name.clone(), timer.clone());
        Ok(())
    }

    pub fn cancel(&self, name: &str) -> Result<bool, Error> {
        let mut timers = self.0.state.timers.borrow_mut();
        Ok(timers.get_mut(self.0.family()).and_then(|own| own.remove(name)).is_some())
    }

    pub fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<Timer>, Error> {
        let timers = self.0.state.timers.borrow();
        let own = timers.get(self.0.family()).into_iter().flat_map(|own| own.values());
        let rest = own.filter(|timer| after.is_none_or(|after| timer.name.as_str() > after));
        Ok(rest.take(limit.min(PAGE) as usize).cloned().collect())
    }
}
