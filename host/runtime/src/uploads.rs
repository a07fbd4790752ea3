//! Uploads: files that wait to be installed, in the directory of whom they are for.
//!
//! A tenant's count for its `disk_bytes`. One is named by the digest of its
//! bytes, so that it is what was sent when it is used. What nobody uses is
//! removed when the next one comes, once it is an hour old.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use jiff::Timestamp;
use openclaw_tenancy::{Directory, DirectoryError, NAME_BYTES, TenantPath, TenantRecord};
use sha2::{Digest as _, Sha256};

use crate::{
    digest::Digest,
    disk::Room,
    error::{CapabilityError, Refusal},
    services::Services,
};

/// The most bytes of one.
pub const UPLOAD_BYTES: u64 = 64 << 20;

/// How many wait at once.
const WAITING: usize = 8;

/// How long one waits, in milliseconds.
const KEPT_MS: i64 = 60 * 60 * 1000;

/// Where they are, in a tenant's directory. No family has the name that its directory would need.
const OF_TENANT: &str = "plugins/components/uploads";

/// Where they are that are for no tenant, in the state directory.
const OF_GATEWAY: &str = "components/uploads";

/// An upload that was not taken, or is not there.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It has too many bytes.
    #[error("an upload has at most {UPLOAD_BYTES} bytes")]
    TooLarge,
    /// Too many others wait.
    #[error("{WAITING} uploads wait already: install them, or come back in an hour")]
    TooMany,
    /// It never came, or waited too long.
    #[error("there is no upload {0}: send it again")]
    NotFound(Digest),
    /// The tenant's `disk_bytes`.
    #[error("{} is used up", .0.quota)]
    Quota(Box<openclaw_billing::Refusal>),
    /// Not now.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// Something inside failed.
    #[error("{0}")]
    Internal(String),
}

impl From<DirectoryError> for UploadError {
    fn from(error: DirectoryError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<CapabilityError> for UploadError {
    fn from(error: CapabilityError) -> Self {
        match error {
            CapabilityError::Refused(refusal) => Self::Refused(refusal),
            CapabilityError::Internal(error) => Self::Internal(error),
            CapabilityError::Trap(error) => Self::Internal(error.to_string()),
        }
    }
}

/// One that is being sent; gone with this value, unless it was finished.
pub struct Upload {
    services: Arc<Services>,
    tenant: Option<Arc<TenantRecord>>,
    directory: Directory,
    name: TenantPath,
    bytes: u64,
    hash: Sha256,
    finished: bool,
}

impl Upload {
    /// Begins one for a tenant, or for none.
    pub async fn begin(services: &Arc<Services>, tenant: Option<Arc<TenantRecord>>) -> Result<Self, UploadError> {
        let directory = directory(services, tenant.clone()).await?;
        let name = blocking({
            let directory = directory.clone();
            move || make(&directory)
        });
        let name = name.await?;
        let upload = Self {
            services: services.clone(),
            tenant,
            directory,
            name,
            bytes: 0,
            hash: Sha256::new(),
            finished: false,
        };
        // After those were removed that nobody used: they may be what filled the disk.
        if let Some(tenant) = &upload.tenant {
            services.disks.freed(tenant);
        }
        let _room = room_for(services, upload.tenant.as_ref(), NAME_BYTES).await?;
        Ok(upload)
    }

    /// Takes in what comes next.
    pub async fn write(&mut self, chunk: Vec<u8>) -> Result<(), UploadError> {
        self.bytes += chunk.len() as u64;
        if self.bytes > UPLOAD_BYTES {
            return Err(UploadError::TooLarge);
        }
        let room = room_for(&self.services, self.tenant.as_ref(), chunk.len() as u64).await?;
        self.hash.update(&chunk);
        let (directory, name) = (self.directory.clone(), self.name.clone());
        blocking(move || {
            let _room = room;
            Ok(directory.append(&name, &chunk).map(drop)?)
        })
        .await
    }

    /// The digest of what has come.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::finish(self.hash.clone())
    }

    /// Keeps it, under its digest; answers its bytes.
    pub async fn finish(mut self) -> Result<u64, UploadError> {
        let (directory, name, digest) = (self.directory.clone(), self.name.clone(), self.digest());
        let _moving = match &self.tenant {
            Some(tenant) => Some(self.services.disks.moving(tenant).await),
            None => None,
        };
        blocking(move || Ok(directory.rename(&name, &path(digest)?)?)).await?;
        self.finished = true;
        Ok(self.bytes)
    }
}

impl Upload {
    /// Removes what has come of it; its room is free when this returns.
    pub async fn discard(mut self) {
        self.finished = true;
        let remove = self.remover();
        let removed = blocking(move || {
            remove();
            Ok(())
        });
        // It fails only when the runtime stops; the part goes with the next look, then.
        let _ = removed.await;
    }

    fn remover(&self) -> impl FnOnce() + Send + 'static {
        let (services, tenant) = (self.services.clone(), self.tenant.clone());
        let (directory, name) = (self.directory.clone(), self.name.clone());
        move || {
            if let Err(error) = directory.remove(&name, false) {
                tracing::warn!(%error, "a part of an upload stays for an hour");
            }
            if let Some(tenant) = &tenant {
                services.disks.freed(tenant);
            }
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(self.remover());
        }
    }
}

impl Services {
    /// The bytes of an upload.
    pub async fn upload(&self, tenant: Option<Arc<TenantRecord>>, digest: Digest) -> Result<Vec<u8>, UploadError> {
        let directory = directory(self, tenant).await?;
        let read = blocking(move || match directory.read_all(&path(digest)?, UPLOAD_BYTES) {
            Err(DirectoryError::NotFound) => Err(UploadError::NotFound(digest)),
            read => Ok(read?),
        });
        let bytes = read.await?;
        if Digest::of(&bytes) == digest { Ok(bytes) } else { Err(UploadError::NotFound(digest)) }
    }

    /// Removes an upload that has served.
    pub async fn forget_upload(&self, tenant: Option<Arc<TenantRecord>>, digest: Digest) {
        let removed = async {
            let directory = directory(self, tenant.clone()).await?;
            blocking(move || Ok(directory.remove(&path(digest)?, false)?)).await
        };
        if let Err(error) = removed.await {
            tracing::warn!(%digest, %error, "an upload that has served stays for an hour");
        }
        if let Some(tenant) = &tenant {
            self.disks.freed(tenant);
        }
    }
}

/// Room in the tenant's `disk_bytes`, where it is a tenant's.
async fn room_for(
    services: &Services,
    tenant: Option<&Arc<TenantRecord>>,
    bytes: u64,
) -> Result<Option<Room>, UploadError> {
    let Some(tenant) = tenant else { return Ok(None) };
    let room = services.take_room(tenant, bytes).await?;
    room.map(Some).map_err(|refusal| UploadError::Quota(Box::new(refusal)))
}

async fn directory(services: &Services, tenant: Option<Arc<TenantRecord>>) -> Result<Directory, UploadError> {
    let open = tenant.map(|tenant| services.open_tenant(&tenant)).transpose()?;
    let home = services.home.clone();
    blocking(move || {
        let directory = match open {
            Some(open) => open.directory.root().subdirectory(&named(OF_TENANT)?),
            None => home.directory().subdirectory(&named(OF_GATEWAY)?),
        };
        Ok(directory?)
    })
    .await
}

/// Makes an empty file, after those are gone that nobody used.
fn make(directory: &Directory) -> Result<TenantPath, UploadError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // One at a time: those that are counted are all there are.
    static COUNTING: Mutex<()> = Mutex::new(());
    let _counting = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Timestamp::now().as_millisecond();
    let mut waiting = 0;
    for entry in directory.list(&TenantPath::root(), None, usize::MAX)? {
        if now - entry.metadata.modified_ms > KEPT_MS {
            directory.remove(&named(&entry.name)?, false)?;
        } else {
            waiting += 1;
        }
    }
    if waiting >= WAITING {
        return Err(UploadError::TooMany);
    }
    let name = named(&format!("partial-{now}-{}", NEXT.fetch_add(1, Relaxed)))?;
    directory.append(&name, b"")?;
    Ok(name)
}

fn path(digest: Digest) -> Result<TenantPath, UploadError> {
    named(&digest.hex())
}

fn named(name: &str) -> Result<TenantPath, UploadError> {
    Ok(name.parse().map_err(DirectoryError::from)?)
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, UploadError> {
    tokio::task::spawn_blocking(act).await.unwrap_or_else(|error| Err(UploadError::Internal(error.to_string())))
}
