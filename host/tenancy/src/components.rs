//! The files of installed components: bytes under the name of their digest.

use crate::home::fixed;
use crate::{Directory, DirectoryError, TenantPath};

/// Larger than any component that is loaded.
const FILE_BYTES: u64 = 64 << 20;

/// A directory of component files.
#[derive(Debug, Clone)]
pub struct ComponentFiles {
    directory: Directory,
}

impl ComponentFiles {
    /// Made where it is missing.
    pub(crate) fn below(root: &Directory, path: &str) -> Result<Self, DirectoryError> {
        Ok(Self { directory: root.subdirectory(&fixed(path))? })
    }

    /// Writes a file; whole, or not at all.
    pub fn write(&self, digest: &str, bytes: &[u8]) -> Result<(), DirectoryError> {
        self.directory.write_atomic(&name(digest)?, bytes)
    }

    /// Whether there is a file.
    pub fn holds(&self, digest: &str) -> Result<bool, DirectoryError> {
        Ok(self.directory.metadata(&name(digest)?)?.is_some())
    }

    /// Reads a file.
    pub fn read(&self, digest: &str) -> Result<Vec<u8>, DirectoryError> {
        self.directory.read_all(&name(digest)?, FILE_BYTES)
    }

    /// Removes a file; false where there was none.
    pub fn remove(&self, digest: &str) -> Result<bool, DirectoryError> {
        match self.directory.remove(&name(digest)?, false) {
            Ok(()) => Ok(true),
            Err(DirectoryError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn name(digest: &str) -> Result<TenantPath, DirectoryError> {
    Ok(format!("{digest}.wasm").parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_under_their_digest() {
        let home = tempfile::tempdir().expect("a directory");
        let root = Directory::open_ambient(home.path()).expect("it opens");
        let files = ComponentFiles::below(&root, "plugins/components").expect("it is made");
        files.write("00ff", b"wasm").expect("it is written");
        assert_eq!(files.read("00ff").expect("it is there"), b"wasm");
        assert!(files.holds("00ff").expect("it is looked for"));
        assert!(files.remove("00ff").expect("it goes"));
        assert!(!files.holds("00ff").expect("it is looked for"));
        assert!(!files.remove("00ff").expect("it is gone"));
        assert!(matches!(files.read("00ff"), Err(DirectoryError::NotFound)));
        assert!(files.write("../escape", b"").is_err());
    }
}
