//! `secrets`: the family's secrets, to name and to write.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use std::rc::Rc;

const NAME_BYTES: usize = 128;
const VALUE_BYTES: usize = 64 << 10;
const NAMES: usize = 1000;

pub struct Vault(Rc<Facts>);

pub fn open(call: &Call) -> Result<Vault, Error> {
    call.0.granted("secrets")?;
    call.0.tenant()?;
    Ok(Vault(Rc::clone(&call.0)))
}

impl Vault {
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let secrets = self.0.state.secrets.borrow();
        let own = secrets.keys().filter(|(family, _)| family == self.0.family());
        Ok(own.map(|(_, name)| name.clone()).take(NAMES).collect())
    }

    pub fn put(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        if name.is_empty() || name.len() > NAME_BYTES {
            return Err(Error::invalid(format!("a secret's name is 1 to {NAME_BYTES} bytes")));
        }
        if value.len() > VALUE_BYTES {
            return Err(Error::invalid(format!("a secret is at most {VALUE_BYTES} bytes")));
        }
        self.0.room_for(value.len())?;
        self.0.state.secrets.borrow_mut().insert((self.0.family().to_owned(), name.to_owned()), value.to_vec());
        Ok(())
    }

    pub fn delete(&self, name: &str) -> Result<bool, Error> {
        let key = (self.0.family().to_owned(), name.to_owned());
        Ok(self.0.state.secrets.borrow_mut().remove(&key).is_some())
    }
}
