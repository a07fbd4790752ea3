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

    pub fn run_for(&self, workload: &Workload, agent: &str, session: &str) -> Result<Outcome, Error> {
        check_origin(&[agent, session])?;
        self.run(workload)
    }

    pub fn info(&self) -> Result<Vec<u8>, Error> {
        Ok(br#"{"modes":[],"limits":{}}"#.to_vec())
    }
}

/// As the host does with the names of agents and sessions.
pub(super) fn check_origin(names: &[&str]) -> Result<(), Error> {
    const BYTES: usize = 512;
    if names.iter().all(|name| name.len() <= BYTES) {
        return Ok(());
    }
    Err(Error::invalid(format!("the names of an agent and a session have at most {BYTES} bytes")))
}
