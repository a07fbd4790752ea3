//! `files`: the family's own directory, and `workspace`: the tenant's, on the blocking pool unless the kernel has it in
//! memory.

use openclaw_tenancy::{Directory, DirectoryError, FileKind, Metadata, NAME_BYTES, TenantPath};
use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{
    bindings::openclaw::gateway::{files, workspace},
    call::CallState,
    capability::calls::Call,
};

const READ_BYTES: u32 = 1 << 20;
const LIST_ENTRIES: u32 = 1000;

/// What is read on an async thread, where it is in memory.
const INLINE_BYTES: u32 = 64 << 10;

/// A directory handle that a guest holds.
#[derive(Clone, Debug)]
pub struct OpenDirectory {
    directory: Directory,
    read_only: bool,
}

impl files::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<OpenDirectory>, CapabilityError> {
        let directory = self.services.files(self.tenant()?, self.own_family()?).await?;
        Ok(self.table.push(OpenDirectory { directory, read_only: self.migrating })?)
    }
}

/// `workspace`: the tenant's, whichever family asks.
impl workspace::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<OpenDirectory>, CapabilityError> {
        self.granted("workspace")?;
        let directory = self.services.workspace(self.tenant()?).await?;
        let read_only = self.migrating || !self.grants.allow_workspace_writes();
        Ok(self.table.push(OpenDirectory { directory, read_only })?)
    }
}

impl CallState {
    /// Runs one operation on a handle off the async threads.
    async fn with_directory<T: Send + 'static>(
        &mut self,
        handle: &Resource<OpenDirectory>,
        writes: bool,
        operation: impl FnOnce(&Directory) -> Result<T, DirectoryError> + Send + 'static,
    ) -> Result<T, CapabilityError> {
        self.tenant()?;
        let open = self.table.get(handle)?.clone();
        if writes && open.read_only {
            return Err(CapabilityError::forbidden("this directory handle is read-only"));
        }
        self.off_thread(move |_, _| Ok(operation(&open.directory)?)).await
    }

    /// Runs one that writes `bytes` at a path, within the tenant's `disk_bytes`: room is taken for every
    /// name of the path, and kept for those that it made.
    async fn write_beneath<T: Send + 'static>(
        &mut self,
        handle: &Resource<OpenDirectory>,
        path: TenantPath,
        bytes: u64,
        operation: impl FnOnce(&Directory, &TenantPath) -> Result<T, DirectoryError> + Send + 'static,
    ) -> Result<T, CapabilityError> {
        let room = self.room_for(bytes + path.names() * NAME_BYTES).await?;
        let is_counted = room.is_counted();
        // The write goes on where nobody waits for it any more, and takes its room until it ends.
        let write = move |directory: &Directory| {
            let made = if is_counted { directory.missing_names(&path)? } else { 0 };
            let written = operation(directory, &path)?;
            room.settle(bytes + made * NAME_BYTES);
            Ok(written)
        };
        self.with_directory(handle, true, write).await
    }
}

impl files::HostDirectory for CallState {
    async fn read(
        &mut self,
        handle: Resource<OpenDirectory>,
        path: String,
        offset: u64,
        length: u32,
    ) -> Result<Vec<u8>, CapabilityError> {
        let (path, length) = (parse(&path)?, length.min(READ_BYTES));
        self.tenant()?;
        if let Some(read) = self.table.get(&handle)?.directory.read_cached(&path, offset, length.min(INLINE_BYTES))
            && (length <= INLINE_BYTES || read.as_ref().is_ok_and(|bytes| bytes.len() < INLINE_BYTES as usize))
        {
            return Ok(read?);
        }
        self.with_directory(&handle, false, move |directory| directory.read(&path, offset, length)).await
    }

    async fn write(
        &mut self,
        handle: Resource<OpenDirectory>,
        path: String,
        data: Vec<u8>,
    ) -> Result<(), CapabilityError> {
        let (path, bytes) = (parse(&path)?, data.len() as u64);
        self.write_beneath(&handle, path, bytes, move |directory, path| directory.write_atomic(path, &data)).await
    }

    async fn append(
        &mut self,
        handle: Resource<OpenDirectory>,
        path: String,
        data: Vec<u8>,
    ) -> Result<u64, CapabilityError> {
        let (path, bytes) = (parse(&path)?, data.len() as u64);
        self.write_beneath(&handle, path, bytes, move |directory, path| directory.append(path, &data)).await
    }

    async fn metadata(
        &mut self,
        handle: Resource<OpenDirectory>,
        path: String,
    ) -> Result<Option<files::Metadata>, CapabilityError> {
        let path = parse(&path)?;
        let metadata = self.with_directory(&handle, false, move |directory| directory.metadata(&path)).await?;
        Ok(metadata.map(files::Metadata::from))
    }

    async fn list(
        &mut self,
        handle: Resource<OpenDirectory>,
        path: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<files::Entry>, CapabilityError> {
        let path = if path.is_empty() { TenantPath::root() } else { parse(&path)? };
        let limit = limit.min(LIST_ENTRIES) as usize;
        let entries = self
            .with_directory(&handle, false, move |directory| directory.list(&path, after.as_deref(), limit))
            .await?;
        Ok(entries
            .into_iter()
            .map(|entry| files::Entry { name: entry.name, metadata: entry.metadata.into() })
            .collect())
    }

    async fn create_directory(&mut self, handle: Resource<OpenDirectory>, path: String) -> Result<(), CapabilityError> {
        self.write_beneath(&handle, parse(&path)?, 0, Directory::create_directory).await
    }

    async fn remove(
        &mut self,
        handle: Resource<OpenDirectory>,
        path: String,
        recursive: bool,
    ) -> Result<bool, CapabilityError> {
        let path = parse(&path)?;
        let remove = move |directory: &Directory| match directory.remove(&path, recursive) {
            Err(DirectoryError::NotFound) => Ok(false),
            removed => removed.map(|()| true),
        };
        let removed = self.with_directory(&handle, true, remove).await;
        // One that failed may have removed some of it.
        if !matches!(removed, Ok(false)) {
            self.services.disks.freed(self.tenant()?);
        }
        removed
    }

    async fn rename(
        &mut self,
        handle: Resource<OpenDirectory>,
        from: String,
        to: String,
    ) -> Result<(), CapabilityError> {
        let (from, to) = (parse(&from)?, parse(&to)?);
        let tenant = self.tenant()?.clone();
        let _moving = self.services.disks.moving(&tenant).await;
        self.with_directory(&handle, true, move |directory| directory.rename(&from, &to)).await?;
        // A file of the new name is gone.
        self.services.disks.freed(&tenant);
        Ok(())
    }

    async fn subdirectory(
        &mut self,
        handle: Resource<OpenDirectory>,
        path: String,
        read_only: bool,
    ) -> Result<Resource<OpenDirectory>, CapabilityError> {
        let path = parse(&path)?;
        let makes = !self.table.get(&handle)?.read_only;
        let existing = path.clone();
        let found =
            self.with_directory(&handle, false, move |directory| match directory.existing_subdirectory(&existing) {
                Err(DirectoryError::NotFound) if makes => Ok(None),
                found => found.map(Some),
            });
        let directory = match found.await? {
            Some(directory) => directory,
            None => self.write_beneath(&handle, path, 0, Directory::subdirectory).await?,
        };
        let read_only = read_only || !makes;
        Ok(self.table.push(OpenDirectory { directory, read_only })?)
    }

    async fn drop(&mut self, handle: Resource<OpenDirectory>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl From<Metadata> for files::Metadata {
    fn from(metadata: Metadata) -> Self {
        let kind = match metadata.kind {
            FileKind::File => files::Kind::File,
            FileKind::Directory => files::Kind::Directory,
        };
        Self { kind, size: metadata.size, modified_ms: u64::try_from(metadata.modified_ms).unwrap_or_default() }
    }
}

impl From<DirectoryError> for CapabilityError {
    fn from(error: DirectoryError) -> Self {
        let message = error.to_string();
        match error {
            DirectoryError::NotFound => Self::not_found(message),
            DirectoryError::Escapes | DirectoryError::Link => Self::forbidden(message),
            DirectoryError::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                Self::full("the disk is full")
            }
            DirectoryError::Io(_) => Self::internal(message),
            DirectoryError::Changing => Self::unavailable(message).retry_after(1000),
            _ => Self::invalid(message),
        }
    }
}

fn parse(path: &str) -> Result<TenantPath, CapabilityError> {
    path.parse().map_err(|error: openclaw_tenancy::PathError| CapabilityError::invalid(error.to_string()))
}
