//! The gates of all tenants and families, made when they are first passed.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use openclaw_tenancy::Family;

use super::{Form, Gate, rows::Stored};

/// Gates that nobody needs are dropped when so many tenants have some.
const TENANTS: usize = 4096;

type OfFamilies = HashMap<Family, Gate>;

/// By the registry's row of the tenant: one made anew is another.
#[derive(Debug, Default)]
pub(super) struct Gates(RwLock<HashMap<u64, OfFamilies>>);

impl Gates {
    pub(super) fn new(rows: Vec<Stored>) -> Self {
        let mut stacks: HashMap<(u64, Family), Vec<Form>> = HashMap::new();
        for row in rows {
            stacks.entry((row.tenant_row, row.family)).or_default().push(row.form);
        }
        let mut gates: HashMap<u64, OfFamilies> = HashMap::new();
        for ((tenant, family), stack) in stacks {
            let forms = super::Forms { stack, failed: None };
            gates.entry(tenant).or_default().insert(family, Arc::new(tokio::sync::RwLock::new(forms)));
        }
        Self(RwLock::new(gates))
    }

    pub(super) fn of(&self, tenant: u64, family: &Family) -> Gate {
        let gates = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(&tenant).and_then(|gates| gates.get(family)) {
            return gate.clone();
        }
        drop(gates);
        let mut gates = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if gates.len() >= TENANTS {
            gates.retain(|_, gates| {
                gates.retain(|_, gate| is_needed(gate));
                !gates.is_empty()
            });
        }
        gates.entry(tenant).or_default().entry(family.clone()).or_default().clone()
    }

    pub(super) fn forget(&self, tenant: u64) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
    }

    pub(super) fn last_sequence(&self) -> u64 {
        let gates = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let gates = gates.values().flat_map(HashMap::values).filter_map(|gate| gate.try_read().ok());
        gates.flat_map(|forms| forms.stack.iter().map(|form| form.sequence).max()).max().unwrap_or_default()
    }
}

/// Somebody holds it, or it has something to say. Nobody can take it meanwhile: the map is locked.
fn is_needed(gate: &Gate) -> bool {
    Arc::strong_count(gate) > 1 || gate.try_read().map_or(true, |forms| !forms.stack.is_empty())
}
