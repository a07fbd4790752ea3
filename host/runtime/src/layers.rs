//! The layers of bindings: what came with the gateway at the bottom, then what
//! was installed gateway-wide, for a group and for a tenant.
//!
//! One immutable value holds them all. A tenant that has nothing of its own is
//! in no map here and uses the gateway-wide layer.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use openclaw_tenancy::{Family, TenantId};
use tokio::sync::OnceCell;

use crate::{
    LoadError,
    binding::{BindingScope, Bound},
    plugins::Entry,
};

/// A family in one scope: what is stored of it, and what of that takes calls.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) family: Family,
    /// Where it was installed; none for what came with the gateway.
    pub(crate) scope: Option<BindingScope>,
    /// The stored versions, the newest first.
    pub(crate) entries: Vec<Entry>,
    /// Empty until the first call wants it, since 10,000 tenants must not slow the start.
    bound: OnceCell<Arc<Bound>>,
    /// Why it is still empty, where it was tried.
    failed: Mutex<Option<Failed>>,
}

/// A slot that could not be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) error: Arc<LoadError>,
    /// When it is tried again, whatever happens.
    pub(crate) again: Instant,
    /// It is tried again once there was another change.
    generation: u64,
}

/// How long a slot that could not be loaded is left alone.
const RETRY: Duration = Duration::from_secs(60);

impl Slot {
    /// One that came with the gateway.
    pub(crate) fn fixed(family: Family, bound: Bound) -> Self {
        Self { family, scope: None, entries: Vec::new(), bound: loaded(bound), failed: Mutex::default() }
    }

    pub(crate) fn stored(family: Family, scope: BindingScope, entries: Vec<Entry>) -> Self {
        Self { family, scope: Some(scope), entries, bound: OnceCell::new(), failed: Mutex::default() }
    }

    /// A stored one that is loaded.
    pub(crate) fn bound(family: Family, scope: BindingScope, entries: Vec<Entry>, bound: Bound) -> Self {
        Self { family, scope: Some(scope), entries, bound: loaded(bound), failed: Mutex::default() }
    }

    /// What is bound; where that is not loaded, `load` does it. What failed lately is not tried again before there
    /// was a change, or a minute is over.
    pub(crate) async fn load(
        &self,
        generation: u64,
        load: impl AsyncFnOnce() -> Result<Bound, LoadError>,
    ) -> Result<Arc<Bound>, Failed> {
        let first = async || {
            if let Some(failed) = self.failed(generation, Instant::now()) {
                return Err(failed);
            }
            load().await.map(Arc::new).map_err(|error| {
                let failed = Failed { error: Arc::new(error), again: Instant::now() + RETRY, generation };
                *self.failure() = Some(failed.clone());
                failed
            })
        };
        self.bound.get_or_try_init(first).await.cloned()
    }

    /// Why it is not worth while to load it now.
    fn failed(&self, generation: u64, now: Instant) -> Option<Failed> {
        self.failure().clone().filter(|failed| failed.generation == generation && now < failed.again)
    }

    /// Why it is not loaded, where that was tried.
    pub(crate) fn error(&self) -> Option<Arc<LoadError>> {
        if self.bound.initialized() {
            return None;
        }
        self.failure().as_ref().map(|failed| failed.error.clone())
    }

    fn failure(&self) -> MutexGuard<'_, Option<Failed>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is bound, where that is loaded.
    pub(crate) fn loaded(&self) -> Option<&Arc<Bound>> {
        self.bound.get()
    }
}

fn loaded(bound: Bound) -> OnceCell<Arc<Bound>> {
    OnceCell::new_with(Some(Arc::new(bound)))
}

/// Families to slots.
pub(crate) type Layer = Arc<HashMap<Family, Arc<Slot>>>;

/// `components.groups`.
pub(crate) type Groups = BTreeMap<String, HashSet<TenantId>>;

/// All layers.
#[derive(Debug, Default, Clone)]
pub(crate) struct Layers {
    /// Built in, or named in `components.load`.
    base: Layer,
    installed: HashMap<BindingScope, Layer>,
    groups: Arc<Groups>,
    /// Everyone's: `base` under what was installed gateway-wide.
    gateway: Layer,
    /// Of the tenants that differ: their own, over those of their groups.
    tenants: HashMap<TenantId, Layer>,
}

impl Layers {
    pub(crate) fn new(base: HashMap<Family, Arc<Slot>>, groups: Groups, stored: Vec<Slot>) -> Self {
        let mut installed: HashMap<BindingScope, HashMap<Family, Arc<Slot>>> = HashMap::new();
        for slot in stored {
            if let Some(scope) = slot.scope.clone() {
                installed.entry(scope).or_default().insert(slot.family.clone(), Arc::new(slot));
            }
        }
        let installed = installed.into_iter().map(|(scope, layer)| (scope, Arc::new(layer))).collect();
        let mut layers = Self { base: Arc::new(base), installed, ..Self::default() };
        layers.gateway = layers.over(&layers.base, &BindingScope::Gateway);
        layers.with_groups(groups)
    }

    /// The slot of a family that takes a tenant's calls first.
    pub(crate) fn find(&self, tenant: Option<&TenantId>, family: &str) -> Option<&Arc<Slot>> {
        let own = tenant.filter(|_| !self.tenants.is_empty()).and_then(|tenant| self.tenants.get(tenant));
        own.and_then(|own| own.get(family)).or_else(|| self.gateway.get(family))
    }

    /// The slot that would serve a tenant's family if there were none in `scope`.
    pub(crate) fn below(&self, scope: &BindingScope, tenant: Option<&TenantId>, family: &str) -> Option<&Arc<Slot>> {
        match scope {
            BindingScope::Gateway => self.base.get(family),
            BindingScope::Group(name) => {
                let others = tenant.into_iter().flat_map(|tenant| self.groups_of(tenant));
                let mut after = others.skip_while(|other| *other != &**name).skip(1);
                after.find_map(|other| self.in_group(other, family)).or_else(|| self.gateway.get(family))
            }
            BindingScope::Tenant(tenant) => {
                let group = self.groups_of(tenant).find_map(|group| self.in_group(group, family));
                group.or_else(|| self.gateway.get(family))
            }
        }
    }

    /// What is installed of a family in exactly this scope.
    pub(crate) fn installed(&self, scope: &BindingScope, family: &str) -> Option<&Arc<Slot>> {
        self.installed.get(scope)?.get(family)
    }

    /// Everything installed in exactly this scope.
    pub(crate) fn all_in(&self, scope: &BindingScope) -> impl Iterator<Item = &Arc<Slot>> {
        self.installed.get(scope).into_iter().flat_map(|layer| layer.values())
    }

    /// Everything that is installed.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.installed.values().flat_map(|layer| layer.values())
    }

    /// The slots that serve a tenant, or those gateway-wide; by family.
    pub(crate) fn serving(&self, tenant: Option<&TenantId>) -> Vec<Arc<Slot>> {
        let mut serving: BTreeMap<&Family, &Arc<Slot>> = self.gateway.iter().collect();
        if let Some(own) = tenant.and_then(|tenant| self.tenants.get(tenant)) {
            serving.extend(own.iter());
        }
        serving.into_values().cloned().collect()
    }

    /// Whether a tenant's bindings differ from the gateway's.
    pub(crate) fn differs(&self, tenant: &TenantId) -> bool {
        self.tenants.contains_key(tenant)
    }

    pub(crate) fn has_group(&self, name: &str) -> bool {
        self.groups.contains_key(name)
    }

    /// Who is in a group.
    pub(crate) fn members(&self, name: &str) -> impl Iterator<Item = &TenantId> {
        self.groups.get(name).into_iter().flatten()
    }

    /// These layers with another slot, or none, in one place.
    pub(crate) fn with(&self, scope: &BindingScope, family: &Family, slot: Option<Arc<Slot>>) -> Self {
        let mut layers = self.clone();
        let mut layer: HashMap<Family, Arc<Slot>> =
            self.installed.get(scope).map(|layer| (**layer).clone()).unwrap_or_default();
        match slot {
            Some(slot) => layer.insert(family.clone(), slot),
            None => layer.remove(family),
        };
        if layer.is_empty() {
            layers.installed.remove(scope);
        } else {
            layers.installed.insert(scope.clone(), Arc::new(layer));
        }
        match scope {
            BindingScope::Gateway => layers.gateway = layers.over(&layers.base, scope),
            BindingScope::Group(name) => {
                self.members(name).for_each(|tenant| layers.resolve(tenant));
            }
            BindingScope::Tenant(tenant) => layers.resolve(tenant),
        }
        layers
    }

    /// These layers without anything of a tenant's own.
    pub(crate) fn without_tenant(&self, tenant: &TenantId) -> Self {
        let mut layers = self.clone();
        layers.installed.remove(&BindingScope::Tenant(tenant.clone()));
        layers.resolve(tenant);
        layers
    }

    /// These layers with other groups.
    pub(crate) fn with_groups(&self, groups: Groups) -> Self {
        let own = self.installed.keys().filter_map(|scope| scope.tenant().cloned());
        let tenants: HashSet<TenantId> = own.chain(groups.values().flatten().cloned()).collect();
        let mut layers = Self { groups: Arc::new(groups), tenants: HashMap::new(), ..self.clone() };
        tenants.iter().for_each(|tenant| layers.resolve(tenant));
        layers
    }

    /// Puts together what a tenant has of its own and of its groups; a tenant's own wins, then the
    /// group whose name comes first.
    fn resolve(&mut self, tenant: &TenantId) {
        let groups: Vec<&String> = self.groups_of(tenant).collect();
        let mut layer = Layer::default();
        for group in groups.into_iter().rev() {
            layer = self.over(&layer, &BindingScope::Group(group.as_str().into()));
        }
        layer = self.over(&layer, &BindingScope::Tenant(tenant.clone()));
        if layer.is_empty() {
            self.tenants.remove(tenant);
        } else {
            self.tenants.insert(tenant.clone(), layer);
        }
    }

    fn groups_of<'l>(&'l self, tenant: &TenantId) -> impl Iterator<Item = &'l String> + use<'l> {
        let tenant = tenant.clone();
        self.groups.iter().filter(move |(_, members)| members.contains(&tenant)).map(|(name, _)| name)
    }

    fn in_group(&self, group: &str, family: &str) -> Option<&Arc<Slot>> {
        self.installed(&BindingScope::Group(group.into()), family)
    }

    fn over(&self, layer: &Layer, scope: &BindingScope) -> Layer {
        match self.installed.get(scope) {
            None => layer.clone(),
            Some(above) if layer.is_empty() => above.clone(),
            Some(above) => {
                let mut merged = (**layer).clone();
                merged.extend(above.iter().map(|(family, slot)| (family.clone(), slot.clone())));
                Arc::new(merged)
            }
        }
    }
}

#[cfg(test)]
mod tests;
