//! `secrets-reveal`: the value of one of the family's secrets.

use super::calls::Call;
use super::types::Error;

pub fn reveal(call: &Call, name: &str) -> Result<Vec<u8>, Error> {
    call.0.granted("secrets-reveal")?;
    call.0.tenant()?;
    let secrets = call.0.state.secrets.borrow();
    let value = secrets.get(&(call.0.family().to_owned(), name.to_owned()));
    value.cloned().ok_or_else(|| Error::not_found("there is no secret of that name"))
}
