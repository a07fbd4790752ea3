//! WASI's files within the tenant's `disk_bytes`.
//!
//! The file system itself is wasmtime's, on the family's own directory. What writes to it, or makes a name
//! in it, takes room first, and what removes from it says so. Where there is no room, a guest hears of it as
//! of a full disk: `insufficient-space`.

mod streams;

use std::sync::{Arc, Mutex, PoisonError};

use openclaw_tenancy::{NAME_BYTES, TenantRecord};
use tokio::sync::Semaphore;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::{
    filesystem::{Descriptor, WasiFilesystemCtxView, WasiFilesystemView as _},
    p2::{
        DynInputStream, DynOutputStream, FsResult,
        bindings::filesystem::types::{DescriptorFlags, ErrorCode, HostDescriptor as _, OpenFlags, PathFlags},
        pipe::{ClosedInputStream, ClosedOutputStream},
    },
};

use self::streams::{Incoming, Outgoing};
use super::{CapabilityError, QUOTA_EXCEEDED};
use crate::{
    call::CallState,
    disk::{Moving, Room},
    error::UNAVAILABLE,
};

const TYPES: &str = "wasi:filesystem/types@0.2.12";

type Fd = Resource<Descriptor>;

/// Puts a function of [`Files`] in the place of wasmtime's of that name.
macro_rules! replace {
    ($types:ident, $name:literal, $method:ident($($argument:ident: $type:ty),*)) => {
        $types.func_wrap_async(
            concat!("[method]descriptor.", $name),
            |mut store: wasmtime::StoreContextMut<'_, CallState>, ($($argument,)*): ($($type,)*)| {
                Box::new(async move {
                    match Files(store.data_mut()).$method($($argument),*).await {
                        Ok(value) => Ok((Ok(value),)),
                        Err(error) => Ok((Err(error.downcast()?),)),
                    }
                })
            },
        )?
    };
}

pub(super) fn add_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    replace!(types, "write", write(fd: Fd, bytes: Vec<u8>, offset: u64));
    replace!(types, "read-via-stream", read_via_stream(fd: Fd, offset: u64));
    replace!(types, "write-via-stream", write_via_stream(fd: Fd, offset: u64));
    replace!(types, "append-via-stream", append_via_stream(fd: Fd));
    replace!(types, "set-size", set_size(fd: Fd, size: u64));
    replace!(types, "open-at", open_at(fd: Fd, follow: PathFlags, path: String, how: OpenFlags, flags: DescriptorFlags));
    replace!(types, "create-directory-at", create_directory_at(fd: Fd, path: String));
    replace!(types, "symlink-at", symlink_at(fd: Fd, target: String, path: String));
    replace!(types, "link-at", link_at(fd: Fd, follow: PathFlags, path: String, to: Fd, name: String));
    replace!(types, "unlink-file-at", unlink_file_at(fd: Fd, path: String));
    replace!(types, "remove-directory-at", remove_directory_at(fd: Fd, path: String));
    replace!(types, "rename-at", rename_at(fd: Fd, path: String, to: Fd, name: String));
    linker.allow_shadowing(false);
    Ok(())
}

/// The files of the call's tenant, as WASI has them.
struct Files<'a>(&'a mut CallState);

impl Files<'_> {
    fn all(&mut self) -> WasiFilesystemCtxView<'_> {
        self.0.filesystem()
    }

    /// Takes room that is kept until the call ends: what it writes may be removed, and still be there in a file
    /// that is open.
    async fn take(&mut self, bytes: u64) -> FsResult<()> {
        let room = self.0.room_for(bytes).await.map_err(|error| code(&error))?;
        joined(self.0.wasi_written.get_or_insert_default(), room);
        Ok(())
    }

    fn tenant(&self) -> FsResult<Arc<TenantRecord>> {
        Ok(self.0.tenant().map_err(|error| code(&error))?.clone())
    }

    /// Of the tenant's operations that block a thread.
    fn places(&self) -> FsResult<Arc<Semaphore>> {
        Ok(self.0.services.admission.blocking(Some(&self.tenant()?.id)))
    }

    /// Something that was there is gone.
    fn freed(&self) -> FsResult<()> {
        self.0.services.disks.freed(&*self.tenant()?);
        Ok(())
    }

    async fn moving(&mut self) -> FsResult<Moving> {
        Ok(self.0.services.disks.moving(&*self.tenant()?).await)
    }

    async fn write(&mut self, fd: Fd, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        self.take(bytes.len() as u64).await?;
        self.all().write(fd, bytes, offset).await
    }

    async fn read_via_stream(&mut self, fd: Fd, offset: u64) -> FsResult<Resource<DynInputStream>> {
        let stream = self.all().read_via_stream(fd, offset)?;
        let places = self.places()?;
        let place = self.0.table.get_mut(&stream)?;
        let inner = std::mem::replace(place, Box::new(ClosedInputStream));
        *place = Box::new(Incoming::new(inner, places));
        Ok(stream)
    }

    async fn write_via_stream(&mut self, fd: Fd, offset: u64) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.all().write_via_stream(fd, offset)?;
        self.counted(stream).await
    }

    async fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.all().append_via_stream(fd)?;
        self.counted(stream).await
    }

    async fn counted(&mut self, stream: Resource<DynOutputStream>) -> FsResult<Resource<DynOutputStream>> {
        self.take(1).await?;
        let written = self.0.wasi_written.get_or_insert_default().clone();
        let (places, tenant, services) = (self.places()?, self.tenant()?, self.0.services.clone());
        let place = self.0.table.get_mut(&stream)?;
        let inner = std::mem::replace(place, Box::new(ClosedOutputStream));
        *place = Box::new(Outgoing::new(inner, places, written, tenant, services));
        Ok(stream)
    }

    async fn set_size(&mut self, fd: Fd, size: u64) -> FsResult<()> {
        let before = self.all().stat(borrowed(&fd)).await?.size;
        self.take(size.saturating_sub(before)).await?;
        self.all().set_size(fd, size).await?;
        if size < before { self.freed() } else { Ok(()) }
    }

    async fn open_at(
        &mut self,
        fd: Fd,
        follow: PathFlags,
        path: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        let makes =
            how.contains(OpenFlags::CREATE) && self.all().stat_at(borrowed(&fd), follow, path.clone()).await.is_err();
        self.take(if makes { NAME_BYTES } else { 0 }).await?;
        let opened = self.all().open_at(fd, follow, path, how, flags).await?;
        if how.contains(OpenFlags::TRUNCATE) {
            self.freed()?;
        }
        Ok(opened)
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.take(NAME_BYTES).await?;
        self.all().create_directory_at(fd, path).await
    }

    async fn symlink_at(&mut self, fd: Fd, target: String, path: String) -> FsResult<()> {
        self.take(NAME_BYTES).await?;
        self.all().symlink_at(fd, target, path).await
    }

    async fn link_at(&mut self, fd: Fd, follow: PathFlags, path: String, to: Fd, name: String) -> FsResult<()> {
        self.take(NAME_BYTES).await?;
        let _moving = self.moving().await?;
        self.all().link_at(fd, follow, path, to, name).await
    }

    async fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.all().unlink_file_at(fd, path).await?;
        self.freed()
    }

    async fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.all().remove_directory_at(fd, path).await?;
        self.freed()
    }

    /// What was of the new name is gone.
    async fn rename_at(&mut self, fd: Fd, path: String, to: Fd, name: String) -> FsResult<()> {
        let _moving = self.moving().await?;
        self.all().rename_at(fd, path, to, name).await?;
        self.freed()
    }
}

fn joined(written: &Mutex<Room>, room: Room) {
    written.lock().unwrap_or_else(PoisonError::into_inner).join(room);
}

/// The same handle once more, for a look before what is asked for.
fn borrowed(fd: &Fd) -> Fd {
    Resource::new_borrow(fd.rep())
}

fn code(error: &CapabilityError) -> ErrorCode {
    match error {
        CapabilityError::Refused(refusal) if [QUOTA_EXCEEDED, UNAVAILABLE].contains(&&*refusal.code) => {
            ErrorCode::InsufficientSpace
        }
        CapabilityError::Refused(_) => ErrorCode::NotPermitted,
        _ => ErrorCode::Io,
    }
}
