//! The bytes of installed components: files named by their digest, in the
//! gateway's directory or the tenant's own. `host/tenancy` opens them.

use std::sync::Arc;

use openclaw_tenancy::{ComponentFiles, DirectoryError, Home, HomeError};

use crate::{LoadError, binding::BindingScope, digest::Digest};

/// Why bytes could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BytesError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error("{0}")]
    Ended(String),
}

/// Where a scope's bytes are.
fn place(home: &Home, scope: &BindingScope) -> Result<ComponentFiles, BytesError> {
    match scope {
        BindingScope::Gateway | BindingScope::Group(_) => Ok(home.components()?),
        BindingScope::Tenant(tenant) => Ok(home.tenant_dir(tenant)?.components()?),
    }
}

async fn at_place<T: Send + 'static>(
    home: &Arc<Home>,
    scope: &BindingScope,
    act: impl FnOnce(ComponentFiles) -> Result<T, DirectoryError> + Send + 'static,
) -> Result<T, BytesError> {
    let (home, scope) = (home.clone(), scope.clone());
    let done = tokio::task::spawn_blocking(move || Ok(act(place(&home, &scope)?)?)).await;
    done.unwrap_or_else(|error| Err(BytesError::Ended(error.to_string())))
}

/// Keeps bytes; they are on disk when this returns.
pub(super) async fn keep(
    home: &Arc<Home>,
    scope: &BindingScope,
    digest: Digest,
    wasm: Arc<[u8]>,
) -> Result<(), BytesError> {
    at_place(home, scope, move |files| files.write(&digest.hex(), &wasm)).await
}

/// Whether bytes are kept.
pub(super) async fn are_kept(home: &Arc<Home>, scope: &BindingScope, digest: Digest) -> Result<bool, BytesError> {
    at_place(home, scope, move |files| files.holds(&digest.hex())).await
}

/// Reads bytes back; what is not what was kept is damaged. Blocks.
pub(super) fn read(home: &Home, scope: &BindingScope, digest: Digest) -> Result<Vec<u8>, LoadError> {
    let read = || Ok::<_, BytesError>(place(home, scope)?.read(&digest.hex())?);
    let wasm = read().map_err(|error| LoadError::Damaged(error.to_string()))?;
    match Digest::of(&wasm) == digest {
        true => Ok(wasm),
        false => Err(LoadError::Damaged(format!("they are not those of {digest}"))),
    }
}

/// Removes bytes that no row names any more. What fails stays, and is of no consequence.
pub(super) async fn forget(home: &Arc<Home>, scope: &BindingScope, digest: Digest) {
    if let Err(error) = at_place(home, scope, move |files| files.remove(&digest.hex())).await {
        tracing::warn!(%scope, %digest, %error, "a component's file that nobody needs stays");
    }
}
