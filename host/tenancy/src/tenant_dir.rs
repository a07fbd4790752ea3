//! The directory of one tenant, and each family's place in it.
//!
//! A family's database never lies beneath a directory that a component can
//! hold: files and database are siblings, or wholly apart.

use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use crate::home::fixed;
use crate::{ComponentFiles, Directory, DirectoryError, Family, FileIdentity, FileKind, IndexName, TenantPath};

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests plant what an attacker would")]
mod tests;

/// Families with a directory of their own that is all theirs.
const OWN_DIRECTORY: &[&str] = &["sessions", "memory", "cron", "channels", "devices", "nodes"];
const DATABASE: &str = "state.db";
const WAL: &str = "state.db-wal";
const INDEX: &str = ".sqlite";
const INDEX_WAL: &str = ".sqlite-wal";
const PLUGINS: &str = "plugins";
const WORKSPACE: &str = "sandbox/work";

/// The directory of one tenant.
#[derive(Debug, Clone)]
pub struct TenantDir {
    root: Directory,
}

/// What a tenant's directory takes from the disk, in bytes, and how much of that is in each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantUsage {
    pub bytes: u64,
    pub workspace: u64,
    pub agents: u64,
    pub memory: u64,
}

/// Where one family of one tenant keeps its state.
#[derive(Debug, Clone)]
pub struct FamilyPlace {
    /// What its component may hold.
    pub files: Directory,
    /// What the host alone opens.
    pub database: DatabasePlace,
}

/// Where a family's database is, or will be.
#[derive(Debug, Clone)]
pub struct DatabasePlace {
    pub directory: Directory,
    pub name: String,
    /// Where it is in the tenant's directory, to be shown to the operator.
    pub shown: String,
}

impl TenantDir {
    pub(crate) fn new(root: Directory) -> Self {
        Self { root }
    }

    /// A handle on the tenant's whole directory.
    #[must_use]
    pub fn root(&self) -> &Directory {
        &self.root
    }

    /// What it takes from the disk and what parts of it do, measured by one walk.
    ///
    /// # Errors
    /// A part that cannot be measured fails the whole; only one that is not there takes nothing.
    pub fn usage(&self) -> Result<TenantUsage, DirectoryError> {
        let (bytes, [workspace, agents, memory]) = self.root.disk_usage_by([WORKSPACE, "agents", "memory"])?;
        Ok(TenantUsage { bytes, workspace, agents, memory })
    }

    /// The place of one family; its directories are made where they are
    /// missing.
    pub fn family(&self, family: &Family) -> Result<FamilyPlace, DirectoryError> {
        let (files, database) = places(family.as_str());
        let open = |path: &str| self.root.subdirectory(&fixed(path));
        Ok(FamilyPlace { files: open(&files)?, database: DatabasePlace::new(open(&database)?, &database) })
    }

    /// Every family's database that there is, or was where only its WAL is left; makes nothing.
    pub fn databases(&self) -> Result<Vec<DatabasePlace>, DirectoryError> {
        let mut found = Vec::new();
        for (path, directory) in self.database_directories()? {
            // What is there and no file is a finding of whoever opens it.
            let is_there = |name| !matches!(directory.metadata(&fixed(name)), Ok(None));
            if is_there(DATABASE) || is_there(WAL) {
                found.push(DatabasePlace::new(directory, &path));
            }
        }
        Ok(found)
    }

    /// Every vector index that there is, or was where only its WAL is left; makes nothing.
    pub fn indexes(&self) -> Result<Vec<DatabasePlace>, DirectoryError> {
        let mut found = Vec::new();
        for (path, directory) in self.database_directories()? {
            let entries = directory.list(&TenantPath::root(), None, usize::MAX)?;
            let mut names: Vec<IndexName> = entries.iter().filter_map(|entry| index_of(&entry.name)).collect();
            names.dedup();
            found.extend(names.iter().map(|name| DatabasePlace::of_index(directory.clone(), &path, name)));
        }
        Ok(found)
    }

    /// The directories that there are for databases, each with its path; makes none.
    fn database_directories(&self) -> Result<Vec<(String, Directory)>, DirectoryError> {
        let mut directories: Vec<String> = OWN_DIRECTORY.iter().map(|&family| family.to_owned()).collect();
        match self.root.list(&fixed(PLUGINS), None, usize::MAX) {
            Ok(entries) => directories.extend(
                entries
                    .into_iter()
                    .filter(|entry| entry.metadata.kind == FileKind::Directory)
                    .map(|entry| format!("{PLUGINS}/{}", entry.name)),
            ),
            Err(DirectoryError::NotFound) => {}
            Err(error) => return Err(error),
        }
        let mut found = Vec::new();
        for path in directories {
            if let Ok(directory) = self.root.existing_subdirectory(&path.parse::<TenantPath>()?) {
                found.push((path, directory));
            }
        }
        Ok(found)
    }

    /// The place of one of a family's vector indexes, beside its database.
    pub fn index(&self, family: &Family, name: &IndexName) -> Result<DatabasePlace, DirectoryError> {
        let (_, path) = places(family.as_str());
        let directory = self.root.subdirectory(&fixed(&path))?;
        Ok(DatabasePlace::of_index(directory, &path, name))
    }

    /// The tenant's own components. No family has this name, so none is handed this directory.
    pub fn components(&self) -> Result<ComponentFiles, DirectoryError> {
        ComponentFiles::below(&self.root, "plugins/components")
    }

    /// The workspace, `sandbox/work`: `/work` in a sandbox. It and what is made in it belong to the user of this
    /// number, where one is given; nothing else of the tenant's does.
    pub fn workspace(&self, owner: Option<u32>) -> Result<Directory, DirectoryError> {
        let workspace = self.root.subdirectory(&fixed(WORKSPACE))?;
        let Some(owner) = owner else { return Ok(workspace) };
        let workspace = workspace.owned_by(owner);
        workspace.hand_over(&workspace)?;
        Ok(workspace)
    }
}

/// The directories of a family's files and of its database.
fn places(family: &str) -> (String, String) {
    let plugin = format!("{PLUGINS}/{family}");
    match family {
        "agents" => ("agents".to_owned(), plugin),
        "voicewake" => ("settings".to_owned(), plugin),
        own if OWN_DIRECTORY.contains(&own) => (format!("{own}/files"), own.to_owned()),
        _ => (format!("{plugin}/data"), plugin),
    }
}

/// The index that a file is of, or the WAL of.
fn index_of(file: &str) -> Option<IndexName> {
    file.strip_suffix(INDEX).or_else(|| file.strip_suffix(INDEX_WAL))?.parse().ok()
}

impl DatabasePlace {
    fn of_index(directory: Directory, path: &str, name: &IndexName) -> Self {
        Self::named(directory, path, format!("{name}{INDEX}"))
    }

    fn named(directory: Directory, path: &str, name: String) -> Self {
        Self { directory, shown: format!("{path}/{name}"), name }
    }

    fn new(directory: Directory, path: &str) -> Self {
        Self::named(directory, path, DATABASE.to_owned())
    }

    /// What tells one state of the file from the next; none where there is no file.
    #[must_use]
    pub fn identity(&self) -> Option<FileIdentity> {
        self.directory.metadata(&fixed(&self.name)).ok().flatten().map(|metadata| metadata.identity)
    }

    /// A path SQLite can open, valid as long as this value lives.
    ///
    /// # Errors
    /// `NotRegular` where the database, or a file that SQLite keeps beside it,
    /// is a link or anything else than a regular file.
    pub fn path(&self) -> Result<PathBuf, DirectoryError> {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let name = format!("{}{suffix}", self.name);
            match rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => {}
                stat if FileType::from_raw_mode(stat?.st_mode) == FileType::RegularFile => {}
                _ => return Err(DirectoryError::NotRegular),
            }
        }
        let handle = self.directory.as_fd().as_raw_fd();
        Ok(PathBuf::from(format!("/proc/self/fd/{handle}/{}", self.name)))
    }
}
