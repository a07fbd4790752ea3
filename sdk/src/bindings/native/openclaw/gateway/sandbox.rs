//! `sandbox`: the one that the test plays.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use std::rc::Rc;

pub use crate::bindings::generated::openclaw::gateway::sandbox::{Limits, Outcome, ResourceUsage, Workload};

pub struct Runner(Rc<Facts>);

pub fn open(call: &Call) -> Result<Runner, Error> {
    call.0.granted("sandbox")?;
    call.0.tenant()?;
    call.0.state.scripts.sandbox.check(&call.0, "sandbox")?;
    Ok(Runner(Rc::clone(&call.0)))
}

impl Runner {
    pub fn run(&self, workload: &Workload) -> Result<Outcome, Error> {
        self.0.state.scripts.sandbox.play(workload)
    }

    pub fn info(&self) -> Result<Vec<u8>, Error> {
        Ok(br#"{"modes":[],"limits":{}}"#.to_vec())
    }
}
