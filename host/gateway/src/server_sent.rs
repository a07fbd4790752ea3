//! Server-sent events: their form, and the end of whoever reads them.

use std::sync::Arc;

use openclaw_tenancy::{TenantChange, TenantRecord};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::Gateway;

/// One event; an empty name is none.
pub(crate) fn event(name: &str, data: &str) -> String {
    let mut text = String::with_capacity(data.len() + 16);
    if !name.is_empty() {
        text.push_str("event: ");
        text.push_str(name);
        text.push('\n');
    }
    for line in data.split(['\n', '\r']) {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    text
}

/// Resolves when the token by which a stream was opened opens nothing any more, or did not when this began.
pub(crate) async fn revoked(changes: &mut broadcast::Receiver<TenantChange>, gateway: &Gateway, tenant: &TenantRecord) {
    let registry = &gateway.services().registry;
    let is_same =
        |now: Arc<TenantRecord>| now.row == tenant.row && now.generation == tenant.generation && !now.disabled;
    while registry.get(&tenant.id).is_some_and(is_same) {
        if matches!(changes.recv().await, Err(RecvError::Closed)) {
            return;
        }
    }
}
