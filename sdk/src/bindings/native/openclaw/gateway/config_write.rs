//! `config-write`: the tenant's configuration, to change.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use std::rc::Rc;

pub struct Editor(Rc<Facts>);

pub fn open(call: &Call) -> Result<Editor, Error> {
    call.0.granted("config-write")?;
    Ok(Editor(Rc::clone(&call.0)))
}

impl Editor {
    pub fn replace(&self, raw: &str, base_hash: Option<&str>) -> Result<Vec<u8>, Error> {
        self.0.state.config.borrow_mut().replace(raw, base_hash)
    }

    pub fn patch(&self, merge_patch: &str, base_hash: Option<&str>) -> Result<Vec<u8>, Error> {
        self.0.state.config.borrow_mut().patch(merge_patch, base_hash)
    }
}
