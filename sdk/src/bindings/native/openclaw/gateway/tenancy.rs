//! `tenancy`: the tenant's registration.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use std::rc::Rc;

pub struct Registration(Rc<Facts>);

pub fn open(call: &Call) -> Result<Registration, Error> {
    call.0.granted("tenancy")?;
    call.0.tenant()?;
    Ok(Registration(Rc::clone(&call.0)))
}

impl Registration {
    pub fn record_json(&self) -> Result<Vec<u8>, Error> {
        Ok(self.0.state.registration().to_string().into_bytes())
    }
}
