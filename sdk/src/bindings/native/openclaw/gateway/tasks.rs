//! `tasks`: those that were started wait until the test runs them.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use crate::testing::clock::wait;
use std::rc::Rc;
use std::time::Duration;

pub use crate::testing::tasks::Claim;

const NAME_BYTES: usize = 640;

pub struct Scheduler(Rc<Facts>);

pub fn open(call: &Call) -> Result<Scheduler, Error> {
    call.0.granted("tasks")?;
    call.0.tenant()?;
    Ok(Scheduler(Rc::clone(&call.0)))
}

impl Scheduler {
    pub fn claim(&self, name: &str, wait_ms: u32) -> Result<Option<Claim>, Error> {
        check_name(name)?;
        let claim = self.0.state.tasks.claim(self.0.family(), name);
        if claim.is_none() {
            // Waiting moves the clock; nobody else runs meanwhile.
            wait(Duration::from_millis(wait_ms.into()));
        }
        Ok(claim)
    }

    pub fn inherited(&self) -> Option<Claim> {
        self.0.inherited.take()
    }

    pub fn start(&self, method: &str, params: &[u8], claim: Option<Claim>) -> Result<(), Error> {
        self.0.start_task(method, params, claim)
    }

    pub fn end(&self, name: &str) -> Result<bool, Error> {
        check_name(name)?;
        Ok(self.0.state.tasks.end(self.0.family(), name))
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    match name.len() {
        1..=NAME_BYTES => Ok(()),
        _ => Err(Error::invalid(format!("a claim's name is 1 to {NAME_BYTES} bytes"))),
    }
}
