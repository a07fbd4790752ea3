//! `shared-documents-write`: what may be written of the tenant's other families.

use super::calls::Call;
use super::documents::{Database, Operation};
use super::types::Error;
use crate::testing::call::Facts;
use std::rc::Rc;

pub struct Writer {
    facts: Rc<Facts>,
    database: Database,
    family: String,
}

pub fn open(call: &Call, family: &str) -> Result<Writer, Error> {
    call.0.may_write_some(family)?;
    Ok(Writer { facts: Rc::clone(&call.0), database: Database::of(&call.0, family)?, family: family.to_owned() })
}

impl Writer {
    pub fn transact(&self, operations: &[Operation]) -> Result<Vec<u64>, Error> {
        operations.iter().try_for_each(|operation| self.facts.may_write(&self.family, operation))?;
        self.database.transact(operations)
    }
}
