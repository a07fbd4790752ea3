//! Tenants whose databases are held closed: for a deletion, or while files are replaced.
//!
//! The documents' store and that of the vector indexes have one each. Whoever closes first holds and looks for what is
//! open then: what is opened later is refused, and what was opened before is found.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openclaw_tenancy::TenantId;

/// Which tenants are held, and how often. Clones share it.
#[derive(Clone, Default)]
pub struct ClosedTenants {
    held: Arc<Mutex<HashMap<TenantId, usize>>>,
}

impl ClosedTenants {
    pub fn hold(&self, tenant: &TenantId) -> Closed {
        *self.lock().entry(tenant.clone()).or_default() += 1;
        Closed { tenants: self.clone(), tenant: tenant.clone() }
    }

    #[must_use]
    pub fn holds(&self, tenant: &TenantId) -> bool {
        self.lock().contains_key(tenant)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds a tenant's databases closed while it lives.
#[must_use = "the databases may be opened again when this is dropped"]
pub struct Closed {
    tenants: ClosedTenants,
    tenant: TenantId,
}

impl Drop for Closed {
    fn drop(&mut self) {
        let mut held = self.tenants.lock();
        if let Some(count) = held.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_held_until_the_last_lets_it_go() {
        let (tenants, tenant) = (ClosedTenants::default(), "a".parse().unwrap());
        let (first, second) = (tenants.hold(&tenant), tenants.clone().hold(&tenant));
        drop(first);
        assert!(tenants.holds(&tenant) && !tenants.holds(&"b".parse().unwrap()));
        drop(second);
        assert!(!tenants.holds(&tenant) && tenants.lock().is_empty(), "nothing is left of it");
    }
}
