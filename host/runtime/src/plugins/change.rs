//! Changing what is bound of what is stored: activate, roll back, remove. And
//! the one place where any change is written down, put in force and told of.

use std::{sync::Arc, time::Instant};

use openclaw_tenancy::{Actor, AuditEvent, Family};
use serde_json::{json, value::RawValue};

use crate::{
    binding::{BindingScope, Bound, Canary, Origin, Version},
    component::Component,
    digest::Digest,
    error::GrantError,
    grants::{GrantSource, Grants},
    layers::Slot,
};

use super::{ChangeError, Entry, Plugins, Row, State, bytes, rows, versions::Versions};

/// What is to be done with what is stored of a family in a scope.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Makes a version active; without a digest the canary.
    Activate {
        /// Which.
        digest: Option<Digest>,
        /// Other grants than it had. Fewer than it asks for are fine: what it may not, it is refused.
        grants: Option<Vec<String>>,
    },
    /// Ends the canary, or goes back to the version before.
    Rollback,
    /// Takes one version away, or all.
    Remove {
        /// Which.
        digest: Option<Digest>,
    },
}

/// What a change led to.
#[derive(Debug)]
pub struct Changed {
    /// What was active before.
    pub previous: Option<Digest>,
    /// What is active now in this scope; none: what is bound below.
    pub active: Option<Digest>,
    /// What was taken away.
    pub removed: Vec<Digest>,
}

/// A change, for the logs.
pub(super) struct Made {
    pub(super) what: &'static str,
    pub(super) digest: Option<Digest>,
    pub(super) actor: Actor,
    /// When its last attempt began; an install's, once all is checked.
    pub(super) begun: Instant,
}

impl Made {
    /// Whether what it takes out of service is undone, with what it did to documents.
    fn withdraws(&self) -> bool {
        self.what == ROLLBACK
    }
}

const ROLLBACK: &str = "components.rollback";

/// What took calls before a change.
struct InForce {
    digests: Vec<Digest>,
    grants: Vec<Arc<Grants>>,
}

impl InForce {
    /// Only the operator widens what a family may: brought back by anyone else, by its own failures too, a version
    /// has no more than those had that it follows.
    fn narrow(&self, versions: &mut Versions) {
        let returned = |entry: &&mut Entry| serves(&entry.row) && !self.digests.contains(&entry.row.digest);
        for entry in versions.entries.iter_mut().filter(returned) {
            if let Some(grants) = &mut entry.row.grants {
                *grants = Grants::within(grants, &self.grants);
            }
        }
    }
}

fn serves(row: &Row) -> bool {
    matches!(row.state, State::Active | State::Canary)
}

impl Plugins {
    /// Changes what is bound. Runs to its end even when its caller goes away.
    pub async fn change(
        self: &Arc<Self>,
        scope: BindingScope,
        family: Family,
        deed: Deed,
        actor: Actor,
    ) -> Result<Changed, ChangeError> {
        let plugins = self.clone();
        let task = tokio::spawn(async move {
            let mut loaded = Vec::new();
            loop {
                match plugins.change_now(&scope, &family, deed.clone(), actor.clone(), &loaded).await {
                    Err(ChangeError::NotLoaded(entry)) => loaded.push(plugins.component(&entry).await?),
                    changed => return changed,
                }
            }
        });
        task.await.unwrap_or_else(|error| Err(ChangeError::Internal(error.to_string())))
    }

    async fn change_now(
        &self,
        scope: &BindingScope,
        family: &Family,
        deed: Deed,
        actor: Actor,
        loaded: &[Arc<Component>],
    ) -> Result<Changed, ChangeError> {
        let begun = Instant::now();
        let _changing = self.changing.lock().await;
        let mut versions = self.stored(scope, family)?;
        let before = self.in_force(family, &versions)?;
        let previous = versions.active().map(|active| active.digest);
        let mut removed = Vec::new();
        let what = match deed {
            Deed::Activate { digest, grants } => {
                grants.as_ref().map(|grants| Grants::parse(grants)).transpose()?;
                versions.activate(digest, grants, self.sequence.next())?;
                "components.activate"
            }
            Deed::Rollback => {
                versions.roll_back(None, self.has_below(scope, family))?;
                ROLLBACK
            }
            Deed::Remove { digest } => {
                removed = versions.remove(digest)?;
                "components.remove"
            }
        };
        if actor != Actor::Operator {
            before.narrow(&mut versions);
        }
        let active = versions.active().map(|active| active.digest);
        let made = Made { what, digest: active.or(previous), actor, begun };
        self.commit(scope, family, versions, loaded, made).await?;
        Ok(Changed { previous, active, removed })
    }

    /// Takes a version that fails call after call out of service.
    pub(crate) async fn roll_back_failing(&self, version: &Version) {
        let Origin::Installed(scope) = &version.origin else { return };
        let (family, digest) = (&version.component.manifest.family, version.component.digest);
        let rolled_back = async {
            let mut loaded = Vec::new();
            loop {
                match self.roll_back_now(scope, family, digest, &loaded).await {
                    Err(ChangeError::NotLoaded(entry)) => loaded.push(self.component(&entry).await?),
                    rolled_back => return rolled_back,
                }
            }
        };
        match rolled_back.await {
            Ok(()) => {
                tracing::error!(%scope, %family, %digest, "a component failed call after call: it was rolled back");
            }
            // Another call was first, or there is nothing else that could answer.
            Err(ChangeError::NothingBefore | ChangeError::NotFound(_)) => {}
            Err(error) => {
                tracing::error!(%scope, %family, %digest, %error, "a failing component could not be rolled back");
            }
        }
    }

    async fn roll_back_now(
        &self,
        scope: &BindingScope,
        family: &Family,
        failed: Digest,
        loaded: &[Arc<Component>],
    ) -> Result<(), ChangeError> {
        let begun = Instant::now();
        let _changing = self.changing.lock().await;
        let mut versions = self.stored(scope, family)?;
        let before = self.in_force(family, &versions)?;
        versions.roll_back(Some(failed), self.has_below(scope, family))?;
        before.narrow(&mut versions);
        let made = Made { what: ROLLBACK, digest: Some(failed), actor: Actor::Gateway, begun };
        self.commit(scope, family, versions, loaded, made).await
    }

    fn stored(&self, scope: &BindingScope, family: &Family) -> Result<Versions, ChangeError> {
        let slot = self.layers.load().installed(scope, family.as_str()).cloned();
        let slot =
            slot.ok_or_else(|| ChangeError::NotFound(format!("nothing of the family {family} is installed here")))?;
        Ok(Versions::new(&slot.entries))
    }

    /// What takes calls now, and with which grants.
    fn in_force(&self, family: &Family, versions: &Versions) -> Result<InForce, ChangeError> {
        let serving = || versions.entries.iter().map(|entry| &entry.row).filter(|row| serves(row));
        let grants = serving().map(|row| match &row.grants {
            Some(texts) => Ok(Arc::new(Grants::parse(texts)?)),
            None => Ok(self.policy.load().grants(&GrantSource::Configured, family)),
        });
        let grants = grants.collect::<Result<_, GrantError>>()?;
        Ok(InForce { digests: serving().map(|row| row.digest).collect(), grants })
    }

    fn has_below(&self, scope: &BindingScope, family: &Family) -> bool {
        self.layers.load().below(scope, scope.tenant(), family.as_str()).is_some()
    }

    /// Writes down what is to take calls, and only then puts it in force. It must be loaded: that may take its time,
    /// and all changes of all tenants wait for this one.
    pub(super) async fn commit(
        &self,
        scope: &BindingScope,
        family: &Family,
        versions: Versions,
        loaded: &[Arc<Component>],
        made: Made,
    ) -> Result<(), ChangeError> {
        let old = self.layers.load().installed(scope, family.as_str()).cloned();
        let bound = self.bind(&versions.entries, loaded)?;
        let rows: Vec<Row> = versions.entries.iter().map(|entry| entry.row.clone()).collect();
        let withdrawn = match &old {
            Some(old) if made.withdraws() => ended(&old.entries, &rows),
            _ => Vec::new(),
        };
        rows::replace(&self.control, scope.clone(), family.clone(), rows, withdrawn.clone()).await?;
        let written = Instant::now();
        self.sequence.withdraw(&withdrawn);
        let active = versions.active().map(|active| active.digest);
        let dropped = old.map(|old| dropped(&old.entries, &versions.entries)).unwrap_or_default();
        let slot = (!versions.entries.is_empty())
            .then(|| Arc::new(Slot::bound(family.clone(), scope.clone(), versions.entries, bound)));
        let layers = self.layers.load().with(scope, family, slot);
        self.put_in_force(layers);
        let tenant = scope.tenant().and_then(|tenant| self.services.registry.get(tenant));
        self.sticky().retire(tenant.map(|tenant| tenant.row), Some(family));
        let digest = made.digest.map(|digest| digest.to_string());
        let micros = |since: Instant| u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (since_begun, since_written) = (micros(made.begun), micros(written));
        let what = made.what;
        tracing::info!(%scope, %family, digest, what, since_begun, since_written, "a component was changed");
        self.tell(scope, family, active, made).await;
        if !dropped.is_empty() {
            self.forget_unneeded(scope, &dropped).await;
        }
        self.loader.tidy();
        Ok(())
    }

    /// The versions that take calls, with their code: of what is loaded, or was for this.
    fn bind(&self, entries: &[Entry], loaded: &[Arc<Component>]) -> Result<Bound, ChangeError> {
        let (mut active, mut canary) = (None, None);
        for entry in entries.iter().filter(|entry| serves(&entry.row)) {
            let Row { digest, scope, .. } = &entry.row;
            let known = loaded.iter().find(|component| component.digest == *digest).cloned();
            let component = known.or_else(|| self.loader.find(digest, scope.tenant()));
            let component = component.ok_or_else(|| ChangeError::NotLoaded(Box::new(entry.clone())))?;
            let version = self.version_of(component, entry)?;
            match entry.row.canary_percent {
                Some(percent) => canary = Some(Canary::new(Arc::new(version), percent)),
                None => active = Some(Arc::new(version)),
            }
        }
        Ok(Bound { active, canary })
    }

    /// The audit log, and those whom it concerns.
    async fn tell(&self, scope: &BindingScope, family: &Family, active: Option<Digest>, made: Made) {
        let digest = made.digest.map(|digest| digest.to_string());
        let detail = json!({ "scope": scope.to_string(), "family": family.as_str(), "digest": digest });
        let event = AuditEvent { actor: made.actor, tenant: scope.tenant().cloned(), action: made.what, detail };
        let audit = self.services.audit.clone();
        let written = tokio::task::spawn_blocking(move || audit.append(event)).await;
        if !matches!(&written, Ok(Ok(()))) {
            tracing::error!(%scope, %family, ?written, "a change of a component is not in the audit log");
        }
        let active = active.map(|active| active.to_string());
        let payload = json!({ "family": family.as_str(), "what": made.what, "digest": digest, "active": active });
        let Ok(payload) = RawValue::from_string(payload.to_string()) else { return };
        let events = &self.services.events;
        match scope {
            BindingScope::Tenant(tenant) => {
                events.publish(tenant, EVENT, payload);
            }
            BindingScope::Group(name) => {
                let layers = self.layers.load_full();
                events.publish_where(|tenant| layers.members(name).any(|member| member == tenant), EVENT, &payload);
            }
            BindingScope::Gateway => events.publish_where(|_| true, EVENT, &payload),
        }
    }

    /// Removes those of these files that no version needs. Nothing else is to change meanwhile.
    pub(super) async fn forget_unneeded(&self, scope: &BindingScope, digests: &[Digest]) {
        let layers = self.layers.load_full();
        let same_place = |other: &BindingScope| scope.tenant() == other.tenant();
        let needed = |digest: Digest| {
            let slots = layers.all().filter(|slot| slot.scope.as_ref().is_some_and(same_place));
            slots.flat_map(|slot| &slot.entries).any(|entry| entry.row.digest == digest)
        };
        for digest in digests {
            if !needed(*digest) {
                bytes::forget(self.home(), scope, *digest).await;
            }
        }
        if let Some(tenant) = scope.tenant().and_then(|tenant| self.services.registry.get(tenant)) {
            self.services.disks.freed(&tenant);
        }
    }
}

/// The sequences of versions that took calls before, and do not now.
fn ended(before: &[Entry], now: &[Row]) -> Vec<u64> {
    let served = before.iter().map(|entry| &entry.row).filter(|row| serves(row));
    let still = |row: &&Row| !now.iter().any(|now| now.digest == row.digest && serves(now));
    served.filter(still).map(|row| row.sequence).collect()
}

/// Those that are not kept any more.
fn dropped(before: &[Entry], now: &[Entry]) -> Vec<Digest> {
    let before = before.iter().map(|entry| entry.row.digest);
    before.filter(|digest| !now.iter().any(|entry| entry.row.digest == *digest)).collect()
}

/// What a tenant's connections are told.
const EVENT: &str = "components.changed";
