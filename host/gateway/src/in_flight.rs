//! What each tenant has in the gateway right now: bytes of bodies and replies, open
//! WebSockets. A tenant at its bound is told to come back; others never notice.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{body::Bytes, http::StatusCode};
use openclaw_tenancy::TenantId;

use crate::{auth::Identity, reply::Problem};

/// A bounded amount for each tenant; the operator, who is trusted, has none.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    what: &'static str,
    most: u64,
    taken: Arc<Mutex<HashMap<TenantId, u64>>>,
}

/// Bytes on their way to a client, which count as unread until the last of them is sent.
pub(crate) fn unread(bytes: impl AsRef<[u8]> + Send + 'static, share: Option<Share>) -> Bytes {
    Bytes::from_owner(Unread { bytes, _share: share })
}

struct Unread<B> {
    bytes: B,
    _share: Option<Share>,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Unread<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// A part of a tenant's amount, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    of: Option<(InFlight, TenantId, u64)>,
}

impl InFlight {
    pub(crate) fn new(what: &'static str, most: u64) -> Self {
        Self { what, most, taken: Arc::default() }
    }

    /// Takes a part, or refuses with 503.
    pub(crate) fn take(&self, identity: &Identity, amount: u64) -> Result<Share, Problem> {
        match &identity.tenant {
            Some(tenant) => self.take_for(&tenant.id, amount),
            None => Ok(Share { of: None }),
        }
    }

    /// Takes a part that is there already, whatever the bound says.
    pub(crate) fn hold(&self, identity: &Identity, amount: u64) -> Share {
        let Some(tenant) = &identity.tenant else { return Share { of: None } };
        *self.taken().entry(tenant.id.clone()).or_default() += amount;
        Share { of: Some((self.clone(), tenant.id.clone(), amount)) }
    }

    fn take_for(&self, tenant: &TenantId, amount: u64) -> Result<Share, Problem> {
        let mut taken = self.taken();
        let now = taken.entry(tenant.clone()).or_default();
        if now.saturating_add(amount) > self.most {
            return Err(self.too_many());
        }
        *now += amount;
        Ok(Share { of: Some((self.clone(), tenant.clone(), amount)) })
    }

    fn too_many(&self) -> Problem {
        let message = format!("this tenant has too many {} under way", self.what);
        Problem::unavailable(message, Some(1000)).status(StatusCode::SERVICE_UNAVAILABLE)
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<TenantId, u64>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Makes the part this large; larger only within the bound.
    pub(crate) fn resize(&mut self, amount: u64) -> Result<(), Problem> {
        let Some((all, tenant, own)) = &mut self.of else { return Ok(()) };
        if amount == *own {
            return Ok(());
        }
        let mut taken = all.taken();
        let now = taken.entry(tenant.clone()).or_default();
        let others = *now - *own;
        if amount > *own && others.saturating_add(amount) > all.most {
            return Err(all.too_many());
        }
        *now = others + amount;
        *own = amount;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((all, tenant, amount)) = self.of.take() else { return };
        let mut taken = all.taken();
        if let Some(now) = taken.get_mut(&tenant) {
            *now -= amount;
            if *now == 0 {
                taken.remove(&tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests;
