//! `workspace`: one directory for all families.

use super::calls::Call;
use super::files::Directory;
use super::types::Error;

/// No family has this name.
pub(crate) const NAME: &str = "/work";

pub fn open(call: &Call) -> Result<Directory, Error> {
    call.0.granted("directory:workspace")?;
    Directory::of(&call.0, NAME)
}
