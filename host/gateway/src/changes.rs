//! What becomes of tenants: an event for their own connections, and the end of the workloads that a token began.

use std::{collections::HashMap, sync::Weak};

use openclaw_tenancy::{Registry, TenantId, TenantRecord, WhatChanged};
use serde_json::{json, value::RawValue};
use tokio::sync::broadcast::error::RecvError;

use crate::Gateway;

/// What of a tenant ends what its token opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    row: u64,
    generation: u64,
    disabled: bool,
}

type Standings = HashMap<TenantId, Standing>;

/// Tells of each change, until the gateway is gone.
pub(crate) async fn announce(gateway: Weak<Gateway>) {
    let Some((mut changes, mut known)) = gateway.upgrade().map(|gateway| {
        let registry = &gateway.services.registry;
        (registry.subscribe(), standings(registry))
    }) else {
        return;
    };
    loop {
        let change = changes.recv().await;
        let Some(gateway) = gateway.upgrade() else { return };
        let registry = &gateway.services.registry;
        match change {
            Ok(change) => match registry.get(&change.tenant) {
                // A namesake is told nothing of its predecessor.
                Some(now) if now.row != change.row => {}
                Some(now) => {
                    gateway.announce(&now.id, now.row, change.what);
                    known.insert(change.tenant, Standing::of(&now));
                }
                None => _ = known.remove(&change.tenant),
            },
            // There were too many to be told of one by one.
            Err(RecvError::Lagged(_)) => {
                let now = standings(registry);
                for (tenant, row, what) in missed(&known, &now) {
                    gateway.announce(tenant, row, what);
                }
                known = now;
            }
            Err(RecvError::Closed) => return,
        }
    }
}

impl Gateway {
    fn announce(&self, tenant: &TenantId, row: u64, what: WhatChanged) {
        if matches!(what, WhatChanged::Rotated | WhatChanged::Disabled | WhatChanged::Deleted) {
            self.services.end_apart(row);
        }
        let what = match what {
            WhatChanged::Rotated => "rotated",
            WhatChanged::Disabled => "disabled",
            WhatChanged::Quota => "quota",
            // A deleted tenant's listeners were told before its bus went.
            WhatChanged::Created | WhatChanged::Enabled | WhatChanged::Updated | WhatChanged::Deleted => return,
        };
        let payload = json!({ "tenantId": tenant.as_str(), "what": what });
        if let Ok(payload) = RawValue::from_string(payload.to_string()) {
            self.services.events.publish(tenant, "tenant.changed", payload);
        }
    }
}

impl Standing {
    fn of(tenant: &TenantRecord) -> Self {
        Self { row: tenant.row, generation: tenant.generation, disabled: tenant.disabled }
    }
}

fn standings(registry: &Registry) -> Standings {
    registry.list().iter().map(|tenant| (tenant.id.clone(), Standing::of(tenant))).collect()
}

/// The tenants whose tokens open nothing any more, of which nobody was told.
fn missed<'k>(before: &'k Standings, now: &Standings) -> impl Iterator<Item = (&'k TenantId, u64, WhatChanged)> {
    before.iter().filter_map(|(id, was)| {
        let what = match now.get(id).filter(|is| is.row == was.row) {
            None => WhatChanged::Deleted,
            Some(is) if is.disabled && !was.disabled => WhatChanged::Disabled,
            Some(is) if is.generation != was.generation => WhatChanged::Rotated,
            Some(_) => return None,
        };
        Some((id, was.row, what))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standings(rows: &[(&str, u64, u64, bool)]) -> Standings {
        let standing = |(id, row, generation, disabled): &(&str, u64, u64, bool)| {
            let standing = Standing { row: *row, generation: *generation, disabled: *disabled };
            (id.parse().expect("an id"), standing)
        };
        rows.iter().map(standing).collect()
    }

    #[test]
    fn whoever_fell_behind_finds_each_token_that_ended_meanwhile() {
        let before = standings(&[
            ("gone", 1, 1, false),
            ("namesake", 2, 1, false),
            ("off", 3, 1, false),
            ("rotated", 4, 1, false),
            ("same", 5, 1, false),
            ("still-off", 6, 1, true),
        ]);
        let now = standings(&[
            ("namesake", 7, 1, false),
            ("new", 8, 1, false),
            ("off", 3, 2, true),
            ("rotated", 4, 3, false),
            ("same", 5, 1, false),
            ("still-off", 6, 1, true),
        ]);
        let mut found: Vec<_> = missed(&before, &now).map(|(id, row, what)| (id.as_str(), row, what)).collect();
        found.sort_by_key(|(_, row, _)| *row);
        assert_eq!(
            found,
            [
                ("gone", 1, WhatChanged::Deleted),
                ("namesake", 2, WhatChanged::Deleted),
                ("off", 3, WhatChanged::Disabled),
                ("rotated", 4, WhatChanged::Rotated),
            ]
        );
    }
}
