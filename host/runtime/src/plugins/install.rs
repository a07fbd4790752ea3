//! Installing a component: everything that is checked before it takes a call.

use std::{sync::Arc, time::Instant};

use openclaw_tenancy::{Actor, Family, NAME_BYTES, TenantRecord};
use tokio::sync::MutexGuard;

use crate::{
    binding::BindingScope,
    compatible,
    compile::Client,
    component::{Component, Loaded},
    digest::Digest,
    error::printable,
    grants::{GrantSource, Grants},
    layers::Slot,
};

use super::{ChangeError, Plugins, Row, State, bytes, change::Made, versions::Versions};

/// How many differences between two versions are told.
const DIFFERENCES: usize = 50;

/// What is to be installed, and for whom.
#[derive(Debug)]
pub struct Install {
    /// Whose binding.
    pub scope: BindingScope,
    /// The tenant of the scope, where it is one's.
    pub tenant: Option<Arc<TenantRecord>>,
    /// Who asks.
    pub actor: Actor,
    /// The component file.
    pub wasm: Arc<[u8]>,
    /// What it is to be; none: what its manifest says.
    pub family: Option<String>,
    /// None: whatever `components.grants` says, now and later.
    pub grants: Option<Vec<String>>,
    /// The digest that the bytes must have.
    pub expect_digest: Option<Digest>,
    /// The text of a `.minisig` file.
    pub signature: Option<String>,
    /// It takes this share of the calls; none: all.
    pub canary_percent: Option<u8>,
    /// The change is only made where this is what is active.
    pub based_on: Option<Based>,
}

/// What a change is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Based {
    /// Nothing is active in this scope.
    Nothing,
    /// Something is.
    Anything,
    /// This version is.
    On(Digest),
}

impl Based {
    fn holds(self, active: Option<Digest>) -> bool {
        match self {
            Self::Nothing => active.is_none(),
            Self::Anything => active.is_some(),
            Self::On(digest) => active == Some(digest),
        }
    }
}

/// What was installed.
#[derive(Debug)]
pub struct Installed {
    /// As it is written down.
    pub row: Row,
    /// What it is.
    pub component: Arc<Component>,
    /// The version that was active in this scope before.
    pub previous: Option<Digest>,
    /// What it passed, in this order.
    pub checks: Vec<&'static str>,
}

/// A component that may be bound, as long as nothing else is.
struct Admitted<'p> {
    changing: MutexGuard<'p, ()>,
    /// What is stored of its family in its scope.
    versions: Versions,
}

impl Plugins {
    /// Checks a component, writes it down and binds it. Runs to its end even when its caller goes away.
    pub async fn install(self: &Arc<Self>, install: Install) -> Result<Installed, ChangeError> {
        let plugins = self.clone();
        let task = tokio::spawn(async move { plugins.install_now(install).await });
        task.await.unwrap_or_else(|error| Err(ChangeError::Internal(error.to_string())))
    }

    async fn install_now(&self, install: Install) -> Result<Installed, ChangeError> {
        let (digest, mut checks) = self.verify(&install).await?;
        if let Some(texts) = &install.grants {
            Grants::parse(texts)?;
        }
        // Compiles where need be, and runs `manifest` in an instance without authority.
        let client = Client::installing(install.scope.tenant());
        let loaded = self.loader.load(install.wasm.clone(), digest, &client, &self.services).await?;
        let Loaded { component, compiled } = loaded;
        checks.extend(["world", "manifest"]);
        let installed = self.bind_loaded(&install, component, checks).await;
        if compiled && installed.is_err() {
            self.loader.forget(&digest);
        }
        installed
    }

    /// The name of the bytes, which are those that were expected, signed where that is asked for. They may be many.
    async fn verify(&self, install: &Install) -> Result<(Digest, Vec<&'static str>), ChangeError> {
        let (wasm, policy) = (install.wasm.clone(), self.policy.load_full());
        let (expected, signature) = (install.expect_digest, install.signature.clone());
        let verify = move || {
            let mut checks = Vec::new();
            let found = Digest::of(&wasm);
            if let Some(expected) = expected {
                if expected != found {
                    return Err(ChangeError::Digest { expected, found });
                }
                checks.push("digest");
            }
            policy.check_signature(&wasm, signature.as_deref()).map_err(ChangeError::Signature)?;
            if policy.wants_signature() {
                checks.push("signature");
            }
            Ok((found, checks))
        };
        self.loader.workshop.work(&Client::of(install.scope.tenant()), verify).await?
    }

    async fn bind_loaded(
        &self,
        install: &Install,
        component: Arc<Component>,
        mut checks: Vec<&'static str>,
    ) -> Result<Installed, ChangeError> {
        let family = self.family(install, &component)?;
        for slot in self.standing(&install.scope, &family) {
            // What cannot be loaded is not there to be replaced.
            if self.bound(&slot).await.is_ok_and(|bound| bound.active.is_some()) {
                break;
            }
        }
        // What would be refused converts nothing.
        drop(self.admit(install, &family, &component, &mut Vec::new()).await?);
        if self.try_out(install, &component, &*self.granted(install, &family)?).await? {
            checks.push("fixtures");
        }
        let mut converted = match &install.tenant {
            Some(tenant) => self.convert_for(&component, self.granted(install, &family)?, tenant).await?,
            None => None,
        };
        let bound = self.bind_kept(install, &family, &component, checks).await;
        if let Some(documents) = &mut converted {
            match &bound {
                Ok(installed) => self.settle(documents, installed.row.sequence).await?,
                Err(_) => self.go_back(documents).await?,
            }
        }
        bound
    }

    /// Keeps its bytes, which takes as long as the disk does, and binds it then.
    async fn bind_kept(
        &self,
        install: &Install,
        family: &Family,
        component: &Arc<Component>,
        checks: Vec<&'static str>,
    ) -> Result<Installed, ChangeError> {
        self.keep_bytes(install, component.digest).await?;
        let mut loaded = vec![component.clone()];
        let bound = loop {
            match self.bind_new(install, family, component, &loaded, checks.clone()).await {
                Err(ChangeError::NotLoaded(entry)) => match self.component(&entry).await {
                    Ok(component) => loaded.push(component),
                    Err(error) => break Err(error.into()),
                },
                bound => break bound,
            }
        };
        if bound.is_err() {
            let _changing = self.changing.lock().await;
            self.forget_unneeded(&install.scope, &[component.digest]).await;
        }
        bound
    }

    async fn bind_new(
        &self,
        install: &Install,
        family: &Family,
        component: &Arc<Component>,
        loaded: &[Arc<Component>],
        mut checks: Vec<&'static str>,
    ) -> Result<Installed, ChangeError> {
        let Admitted { changing, mut versions } = self.admit(install, family, component, &mut checks).await?;
        let previous = versions.active().map(|active| active.digest);
        // A change between may have removed them, as those of a version that it took away.
        if !bytes::are_kept(self.home(), &install.scope, component.digest).await? {
            bytes::keep(self.home(), &install.scope, component.digest, install.wasm.clone()).await?;
        }
        let row = Row {
            scope: install.scope.clone(),
            family: family.clone(),
            digest: component.digest,
            version: component.manifest.version.clone(),
            state: if install.canary_percent.is_some() { State::Canary } else { State::Active },
            sequence: self.sequence.next(),
            grants: install.grants.clone(),
            canary_percent: install.canary_percent,
            tenant_row: install.tenant.as_ref().map(|tenant| tenant.row),
        };
        versions.add(row.clone());
        let (digest, actor) = (Some(component.digest), install.actor.clone());
        let made = Made { what: "components.install", digest, actor, begun: Instant::now() };
        self.commit(&install.scope, family, versions, loaded, made).await?;
        drop(changing);
        Ok(Installed { row, component: component.clone(), previous, checks })
    }

    /// Whether a component may be bound, of what is bound now: true as long as the answer is held. It is compared
    /// before, since all changes of all tenants wait for this one, and again where what it would replace has changed.
    async fn admit(
        &self,
        install: &Install,
        family: &Family,
        component: &Arc<Component>,
        checks: &mut Vec<&'static str>,
    ) -> Result<Admitted<'_>, ChangeError> {
        let (changing, present) = loop {
            let compared = self.compare(install, family, component).await?;
            let changing = self.changing.lock().await;
            let present = self.present(&install.scope, family).map(|present| present.digest);
            if present == compared {
                break (changing, present);
            }
        };
        // Compiling takes its time: its namesake must not get what was meant for a tenant that is gone.
        if let Some(tenant) = &install.tenant
            && self.services().registry.get(&tenant.id).is_none_or(|now| now.row != tenant.row)
        {
            return Err(ChangeError::NotFound("this tenant is deleted".into()));
        }
        if present.is_some() {
            checks.push("schemas");
        }
        if install.canary_percent.is_some() && present.is_none() {
            return Err(ChangeError::CanaryAlone);
        }
        self.granted(install, family)?.check(&component.imports, &component.manifest)?;
        checks.push("grants");
        let slot = self.layers.load().installed(&install.scope, family.as_str()).cloned();
        if slot.is_none() {
            self.check_families(&install.scope)?;
        }
        let versions = Versions::new(slot.as_ref().map(|slot| slot.entries.as_slice()).unwrap_or_default());
        let previous = versions.active().map(|active| active.digest);
        if install.canary_percent.is_some() && previous == Some(component.digest) {
            return Err(ChangeError::CanaryOfActive);
        }
        if install.canary_percent.is_some() && component.migration.is_some() {
            return Err(ChangeError::CanaryMigrates);
        }
        if install.based_on.is_some_and(|based| !based.holds(previous)) {
            return Err(ChangeError::Stale { found: previous });
        }
        Ok(Admitted { changing, versions })
    }

    /// Whether a component can take the place of what serves its family now, which is named.
    async fn compare(
        &self,
        install: &Install,
        family: &Family,
        component: &Arc<Component>,
    ) -> Result<Option<Digest>, ChangeError> {
        let (present, new) = (self.present(&install.scope, family), component.clone());
        let compare = move || {
            let Some(present) = present else {
                return new.manifest.check_foreign(None).map_err(foreign).map(|()| None);
            };
            new.manifest.check_foreign(Some(&present.manifest)).map_err(foreign)?;
            let differences = compatible::differences(&present.manifest, &new.manifest);
            if differences.is_empty() {
                return Ok(Some(present.digest));
            }
            // Their words are the manifests' authors'.
            let told = differences.iter().take(DIFFERENCES).map(|difference| printable(difference));
            Err(ChangeError::Incompatible(told.collect()))
        };
        self.loader.workshop.work(&Client::of(install.scope.tenant()), compare).await?
    }

    /// What a tenant has bound stays in memory once it was called.
    fn check_families(&self, scope: &BindingScope) -> Result<(), ChangeError> {
        let most = self.policy.load().families_per_tenant;
        let bound = self.layers.load().all_in(scope).count();
        match scope.tenant() {
            Some(_) if bound >= most as usize => Err(ChangeError::TooMany { most }),
            _ => Ok(()),
        }
    }

    /// What the installed version may do.
    fn granted(&self, install: &Install, family: &Family) -> Result<Arc<Grants>, ChangeError> {
        Ok(match &install.grants {
            Some(texts) => Arc::new(Grants::parse(texts)?),
            None => self.policy.load().grants(&GrantSource::Configured, family),
        })
    }

    /// The manifest's family, where that is what the caller said.
    fn family(&self, install: &Install, component: &Component) -> Result<Family, ChangeError> {
        let found = &component.manifest.family;
        match &install.family {
            Some(expected) if expected != found.as_str() => {
                Err(ChangeError::Family { expected: expected.clone(), found: found.to_string() })
            }
            _ => Ok(found.clone()),
        }
    }

    /// The slots of a family from a scope downward.
    fn standing(&self, scope: &BindingScope, family: &Family) -> Vec<Arc<Slot>> {
        let layers = self.layers.load();
        let (tenant, family) = (scope.tenant(), family.as_str());
        let first = layers.installed(scope, family).or_else(|| layers.below(scope, tenant, family));
        let below = |slot: &&Arc<Slot>| slot.scope.as_ref().and_then(|scope| layers.below(scope, tenant, family));
        std::iter::successors(first, below).cloned().collect()
    }

    /// What serves a family in a scope now, of what is loaded: its own active version, or what is bound below.
    fn present(&self, scope: &BindingScope, family: &Family) -> Option<Arc<Component>> {
        let slots = self.standing(scope, family);
        slots.iter().find_map(|slot| Some(slot.loaded()?.active.as_ref()?.component.clone()))
    }

    /// A tenant's own components count for its `disk_bytes`.
    async fn keep_bytes(&self, install: &Install, digest: Digest) -> Result<(), ChangeError> {
        let room = match &install.tenant {
            Some(tenant) => {
                let room = self.services.take_room(tenant, NAME_BYTES + install.wasm.len() as u64).await?;
                Some(room.map_err(|refusal| ChangeError::Quota(Box::new(refusal)))?)
            }
            None => None,
        };
        bytes::keep(self.home(), &install.scope, digest, install.wasm.clone()).await?;
        drop(room);
        Ok(())
    }
}

fn foreign(reason: String) -> ChangeError {
    ChangeError::Load(crate::LoadError::Manifest(reason))
}
