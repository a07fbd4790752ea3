//! `tenancy-control`: the tenant's token and its end.

use super::calls::Call;
use super::types::Error;
use crate::testing::{call::Facts, random};
use std::rc::Rc;

pub struct Control(Rc<Facts>);

pub fn open(call: &Call) -> Result<Control, Error> {
    call.0.granted("tenancy-control")?;
    call.0.tenant()?;
    Ok(Control(Rc::clone(&call.0)))
}

impl Control {
    pub fn rotate(&self) -> Result<String, Error> {
        let secret: String = random::bytes(16).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("tk_{}_{secret}", self.0.tenant()?))
    }

    pub fn delete(&self) -> Result<(), Error> {
        self.0.state.is_deleted.set(true);
        Ok(())
    }
}
