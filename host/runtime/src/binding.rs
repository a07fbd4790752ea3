//! What a family is bound to: versions, and which of them takes a call.
//!
//! All of it is immutable and replaced as a whole. A call takes its route once
//! and keeps it to its end, whatever is swapped meanwhile.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use openclaw_tenancy::TenantId;

use crate::{component::Component, grants::GrantSource, manifest::Method, stats::Stats};

/// Whose binding it is. The most specific one of a family serves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BindingScope {
    /// Everyone's.
    Gateway,
    /// A group of tenants', as `components.groups` lists them.
    Group(Arc<str>),
    /// One tenant's.
    Tenant(TenantId),
}

impl BindingScope {
    /// The tenant, where it is one's.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Tenant(tenant) => Some(tenant),
            Self::Gateway | Self::Group(_) => None,
        }
    }
}

impl fmt::Display for BindingScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => f.write_str("gateway"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Tenant(tenant) => write!(f, "tenant:{tenant}"),
        }
    }
}

impl FromStr for BindingScope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "gateway" => Ok(Self::Gateway),
            Some(("group", name)) => Ok(Self::Group(name.into())),
            Some(("tenant", tenant)) => tenant.parse().map(Self::Tenant).map_err(|error| format!("{text:?}: {error}")),
            _ => Err(format!("{text:?} is no scope of a binding")),
        }
    }
}

/// Where a component came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Embedded in the gateway.
    Builtin,
    /// Named by the operator in `components.load`.
    Operator,
    /// Installed while the gateway ran, in this scope.
    Installed(BindingScope),
}

/// A component as one binding runs it.
#[derive(Debug)]
pub struct Version {
    /// Shared by all bindings of the same bytes.
    pub component: Arc<Component>,
    /// Where it came from.
    pub origin: Origin,
    /// Its calls in this binding.
    pub stats: Arc<Stats>,
    /// When it was bound, among all versions; 0 for what came with the gateway.
    pub(crate) sequence: u64,
    pub(crate) grants: GrantSource,
    /// What it answers is not believed to fit its schemas.
    pub(crate) validates_results: bool,
}

/// Where a method's calls go.
#[derive(Clone, Debug)]
pub struct Route {
    version: Arc<Version>,
    method: Arc<Method>,
    everyones: bool,
}

impl Route {
    /// The component.
    #[must_use]
    pub fn component(&self) -> &Arc<Component> {
        &self.version.component
    }

    /// The version that takes the call.
    #[must_use]
    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// The method as its manifest describes it.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Whether it leads to what is bound for everyone, whatever the call's tenant has of its own.
    pub(crate) fn is_everyones(&self) -> bool {
        self.everyones
    }

    pub(crate) fn for_everyone(self) -> Self {
        Self { everyones: true, ..self }
    }
}

/// The versions of a family that take calls.
#[derive(Debug)]
pub(crate) struct Bound {
    /// None where a canary shares the calls of whatever is bound below.
    pub(crate) active: Option<Arc<Version>>,
    pub(crate) canary: Option<Canary>,
}

/// A version that takes some of the calls.
#[derive(Debug)]
pub(crate) struct Canary {
    pub(crate) version: Arc<Version>,
    pub(crate) percent: u8,
    turn: AtomicU64,
}

impl Canary {
    pub(crate) fn new(version: Arc<Version>, percent: u8) -> Self {
        Self { version, percent, turn: AtomicU64::new(0) }
    }

    /// Of a hundred calls in a row exactly `percent`, evenly spread.
    fn takes(&self) -> bool {
        let (turn, percent) = (self.turn.fetch_add(1, Relaxed), u64::from(self.percent));
        (turn + 1) * percent / 100 > turn * percent / 100
    }
}

impl Bound {
    pub(crate) fn only(version: Version) -> Self {
        Self { active: Some(Arc::new(version)), canary: None }
    }

    /// The version that takes the next call; none where that is for what is bound below.
    fn pick(&self) -> Option<&Arc<Version>> {
        match &self.canary {
            Some(canary) if canary.takes() => Some(&canary.version),
            _ => self.active.as_ref(),
        }
    }

    /// The way of one call of this method.
    pub(crate) fn route(&self, method: &str) -> Way {
        let Some(version) = self.pick() else { return Way::Below };
        match version.component.manifest.methods.get(method) {
            Some(method) => Way::Here(Route { version: version.clone(), method: method.clone(), everyones: false }),
            None => Way::Nowhere,
        }
    }
}

/// Where a call goes from one binding.
pub(crate) enum Way {
    Here(Route),
    Below,
    Nowhere,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_as_it_is_written() {
        for text in ["gateway", "group:beta", "tenant:acme"] {
            assert_eq!(text.parse::<BindingScope>().map(|scope| scope.to_string()), Ok(text.to_owned()));
        }
        assert!("tenant:../a".parse::<BindingScope>().is_err());
        assert!("everyone".parse::<BindingScope>().is_err());
    }
}
