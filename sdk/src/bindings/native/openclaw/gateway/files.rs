//! `files`: the family's own directory.

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use crate::testing::files::{self as tree, Path, Tree};
use std::rc::Rc;

pub use crate::bindings::generated::openclaw::gateway::files::{Entry, Kind, Metadata};

const READ_BYTES: u32 = 1 << 20;
const LIST_ENTRIES: u32 = 1000;

pub struct Directory {
    facts: Rc<Facts>,
    family: String,
    /// Where the handle is, below the family's directory.
    root: Path,
    read_only: bool,
}

pub fn open(call: &Call) -> Result<Directory, Error> {
    call.0.granted("files")?;
    Directory::of(&call.0, call.0.family())
}

impl Directory {
    pub(crate) fn of(facts: &Rc<Facts>, family: &str) -> Result<Self, Error> {
        facts.tenant()?;
        Ok(Self { facts: Rc::clone(facts), family: family.to_owned(), root: Path::root(), read_only: facts.migrating })
    }

    fn look<T>(&self, path: Path, look: impl FnOnce(&Tree, &Path) -> Result<T, tree::Refusal>) -> Result<T, Error> {
        self.facts.state.with_tree(&self.family, |files| Ok(look(files, &self.root.below(&path))?))
    }

    fn change<T>(
        &self,
        path: Path,
        change: impl FnOnce(&mut Tree, &Path) -> Result<T, tree::Refusal>,
    ) -> Result<T, Error> {
        if self.read_only {
            return Err(Error::forbidden("this directory handle is read-only"));
        }
        self.facts.state.with_tree(&self.family, |files| Ok(change(files, &self.root.below(&path))?))
    }

    pub fn read(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
        self.look(path.parse()?, |files, path| files.read(path, offset, length.min(READ_BYTES)))
    }

    pub fn write(&self, path: &str, data: &[u8]) -> Result<(), Error> {
        let path = path.parse()?;
        self.facts.room_for(data.len())?;
        self.change(path, |files, path| files.write(path, data))
    }

    pub fn append(&self, path: &str, data: &[u8]) -> Result<u64, Error> {
        let path = path.parse()?;
        self.facts.room_for(data.len())?;
        self.change(path, |files, path| files.append(path, data))
    }

    pub fn metadata(&self, path: &str) -> Result<Option<Metadata>, Error> {
        self.look(path.parse()?, Tree::metadata)
    }

    pub fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Vec<Entry>, Error> {
        let path = if path.is_empty() { Path::root() } else { path.parse()? };
        self.look(path, |files, path| files.list(path, after, limit.min(LIST_ENTRIES)))
    }

    pub fn create_directory(&self, path: &str) -> Result<(), Error> {
        self.change(path.parse()?, Tree::create_directory)
    }

    pub fn remove(&self, path: &str, recursive: bool) -> Result<bool, Error> {
        self.change(path.parse()?, |files, path| files.remove(path, recursive))
    }

    pub fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let (from, to) = (from.parse()?, self.root.below(&to.parse()?));
        self.change(from, |files, from| files.rename(from, &to))
    }

    pub fn subdirectory(&self, path: &str, read_only: bool) -> Result<Self, Error> {
        let path: Path = path.parse()?;
        let root = self.root.below(&path);
        // The host makes it where it is missing, by a handle that may only read too.
        self.facts.state.with_tree(&self.family, |files| Ok(files.create_directory(&root)?))?;
        Ok(Self {
            facts: Rc::clone(&self.facts),
            family: self.family.clone(),
            root,
            read_only: self.read_only || read_only,
        })
    }
}
