//! State directories below the state directory, each gone with whoever works in it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Home, HomeError, fixed};
use crate::{DirectoryError, TenantPath};

const SCRATCH: &str = "scratch";

/// A state directory that is removed when this is dropped. What a kill leaves is removed at the next start.
#[derive(Debug)]
pub struct Scratch {
    /// The directory.
    pub home: Home,
    above: Home,
    name: TenantPath,
}

impl Home {
    /// Makes a state directory in `scratch/`, in which nothing is known of this one.
    pub fn scratch(&self) -> Result<Scratch, HomeError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("{SCRATCH}/{}", NUMBER.fetch_add(1, Relaxed));
        let home = Self::open(&self.path.join(&name))?;
        Ok(Scratch { home, above: self.clone(), name: fixed(&name) })
    }

    /// Removes what an earlier process left in `scratch/`; for whoever holds the lock, before anything is made there.
    pub fn remove_scratch(&self) -> Result<(), HomeError> {
        match self.root.remove(&fixed(SCRATCH), true) {
            Ok(()) | Err(DirectoryError::NotFound) => Ok(()),
            Err(source) => Err(self.file_error(SCRATCH, source)),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = self.above.root.remove(&self.name, true) {
            tracing::warn!(%error, "a scratch directory stays until the next start");
        }
    }
}
