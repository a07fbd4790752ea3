//! Which capabilities a component may use.
//!
//! Two decisions, both deny by default. At install, on the import list of the
//! compiled file and on what the manifest names: whatever is asked for and not
//! granted is listed, and nothing is bound. At call time, when a capability is
//! opened: what was withdrawn since is refused. Grants belong to a binding, so
//! two tenants can run one component with different ones.

use std::sync::Arc;

use openclaw_tenancy::PicoUsd;

use crate::{
    error::{GrantError, LoadError},
    grant::{Grant, SandboxMode},
    manifest::{Manifest, SharedCollection},
};

pub(crate) const PACKAGE: &str = "openclaw:gateway/";

/// Served, and free for everyone: they reach nothing but the call itself.
pub(crate) const FREE: &[&str] = &["types", "calls", "log"];

/// Served, and granted to every family: its own state and its own tenant's ears.
pub(crate) const BASIC: &[&str] = &["documents", "files", "events"];

/// Served where granted.
pub(crate) const RESTRICTED: &[&str] = &[
    "shared-documents",
    "shared-documents-write",
    WORKSPACE,
    "config",
    "config-write",
    "secrets",
    "secrets-reveal",
    "usage",
    "tenancy",
    "tenancy-control",
    "methods",
    "tasks",
    "sandbox",
    "pty",
    "model",
    "embeddings",
    "vectors",
];

/// Granted as `directory:workspace`, with `:write` or without.
const WORKSPACE: &str = "workspace";

/// Granted one collection at a time, on what the manifest names.
pub(crate) const BY_COLLECTION: &[&str] = &["shared-documents", "shared-documents-write"];

/// WASI 0.2 packages that are always linked; what is not granted behind them denies.
pub(crate) const WASI: &[&str] =
    &["wasi:io/", "wasi:clocks/", "wasi:random/", "wasi:cli/", "wasi:filesystem/", "wasi:sockets/", HTTP_TYPES, HTTP];

/// Sends requests to hosts that are granted one by one.
pub(crate) const HTTP: &str = "wasi:http/outgoing-handler@";
const HTTP_TYPES: &str = "wasi:http/types@";

/// What a binding is granted beyond the basics.
#[derive(Clone, Debug, PartialEq)]
pub enum Grants {
    /// Our own components: whatever their import list asks for, the hosts elsewhere that are listed, and what models
    /// may cost.
    Builtin(Vec<Grant>),
    /// Anybody else's: what is listed.
    Listed(Vec<Grant>),
}

impl Grants {
    /// What one of our own components has where the operator's configuration lists these for its family.
    pub(crate) fn builtin(configured: &Self) -> Self {
        let counts = |grant: &&Grant| matches!(grant, Grant::Http { .. } | Grant::ModelBudget(_));
        match configured {
            Self::Builtin(listed) | Self::Listed(listed) => {
                Self::Builtin(listed.iter().filter(counts).cloned().collect())
            }
        }
    }

    /// Reads a list of grants; the error names the text that is none.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, GrantError> {
        texts.iter().map(|text| text.as_ref().parse()).collect::<Result<_, _>>().map(Self::Listed)
    }

    /// As they are written.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::Builtin(_) => Vec::new(),
            Self::Listed(listed) => listed.iter().map(ToString::to_string).collect(),
        }
    }

    /// Everything that a component can ask for.
    pub(crate) fn asked(imports: &[String], manifest: &Manifest) -> Vec<String> {
        let interfaces = imports.iter().filter_map(|import| interface(import));
        let interfaces = interfaces.filter(|name| !FREE.contains(name) && !BY_COLLECTION.contains(name));
        let shared = manifest.shared_documents.iter().map(|shared| collection_grant(shared).to_string());
        let named = manifest.capabilities.iter().map(|asked| asked.grant.to_string());
        interfaces.map(as_granted).chain(shared).chain(named).collect()
    }

    /// Those that nothing serves yet, as they are written.
    pub(crate) fn unserved(&self) -> Vec<String> {
        match self {
            Self::Builtin(_) => Vec::new(),
            Self::Listed(listed) => listed.iter().filter(|grant| !grant.is_served()).map(ToString::to_string).collect(),
        }
    }

    /// Those of these grants that one of the others gives too, with the least budget of all of them: a budget takes
    /// away.
    pub(crate) fn within(texts: &[String], others: &[Arc<Self>]) -> Vec<String> {
        let mut budgets: Vec<PicoUsd> = others.iter().filter_map(|other| other.model_budget()).collect();
        let mut kept = Vec::new();
        for text in texts {
            match text.parse() {
                Ok(Grant::ModelBudget(most)) => budgets.push(most),
                Ok(grant) if others.iter().any(|other| other.covers(&grant)) => kept.push(text.clone()),
                Ok(_) | Err(_) => {}
            }
        }
        kept.extend(budgets.into_iter().min().map(|least| Grant::ModelBudget(least).to_string()));
        kept
    }

    /// What is left of these where a component is tried out: nothing that reaches out of the trial, or outlives it.
    pub(crate) fn in_trial(&self) -> Self {
        let stays = |grant: &&Grant| {
            !matches!(
                grant,
                Grant::Http { .. }
                    | Grant::Model(_)
                    | Grant::Sandbox(_)
                    | Grant::Sticky(_)
                    | Grant::Interface("pty" | "tasks")
            )
        };
        let (Self::Builtin(listed) | Self::Listed(listed)) = self;
        Self::Listed(listed.iter().filter(stays).cloned().collect())
    }

    fn any(&self, test: impl FnMut(&Grant) -> bool) -> bool {
        match self {
            Self::Builtin(_) => true,
            Self::Listed(listed) => listed.iter().any(test),
        }
    }

    fn covers(&self, asked: &Grant) -> bool {
        self.any(|grant| grant.covers(asked))
    }

    /// Whether an interface may be opened at all. `secrets` opens with one secret's name, too.
    pub(crate) fn allow_interface(&self, interface: &str) -> bool {
        self.any(|grant| opens(grant, interface))
    }

    /// Whether a secret may be named and written.
    pub(crate) fn allow_secret(&self, name: &str) -> bool {
        self.any(|grant| match grant {
            Grant::Interface(interface) => *interface == "secrets",
            Grant::Secret { name: granted, .. } => granted == name,
            _ => false,
        })
    }

    /// Whether a secret's value may be read back.
    pub(crate) fn allow_reveal(&self, name: &str) -> bool {
        self.any(|grant| match grant {
            Grant::Interface(interface) => *interface == "secrets-reveal",
            Grant::Secret { name: granted, reveal } => *reveal && granted == name,
            _ => false,
        })
    }

    /// Whether another family's collection may be used as the manifest says.
    pub(crate) fn allow_collection(&self, shared: &SharedCollection) -> bool {
        matches!(self, Self::Builtin(_)) || self.covers(&collection_grant(shared))
    }

    /// Whether a method of the own tenant may be called.
    pub(crate) fn allow_method(&self, name: &str) -> bool {
        self.any(|grant| matches!(grant, Grant::Method(granted) if granted == name))
    }

    /// Whether the tenant's workspace may be changed.
    pub(crate) fn allow_workspace_writes(&self) -> bool {
        self.any(|grant| matches!(grant, Grant::Workspace { write: true }))
    }

    /// Whether a host may be asked at this port.
    pub(crate) fn allow_host(&self, host: &str, port: u16) -> bool {
        let (Self::Builtin(listed) | Self::Listed(listed)) = self;
        listed.iter().any(|grant| match grant {
            Grant::Http { host: granted, port: at } => at.is_none_or(|at| at == port) && granted.is(host),
            _ => false,
        })
    }

    /// Whether workloads may be run in this mode.
    pub(crate) fn allow_sandbox(&self, mode: SandboxMode) -> bool {
        matches!(self, Self::Builtin(_)) || self.covers(&Grant::Sandbox(Some(mode)))
    }

    /// Whether a model may be called.
    pub(crate) fn allow_model(&self, name: &str) -> bool {
        self.any(|grant| match grant {
            Grant::Model(granted) => granted.as_deref().is_none_or(|granted| granted == name),
            _ => false,
        })
    }

    /// What the calls of models may cost a tenant of a day, where the grants say so: the least that they name.
    pub(crate) fn model_budget(&self) -> Option<PicoUsd> {
        let (Self::Builtin(listed) | Self::Listed(listed)) = self;
        let budgets = listed.iter().filter_map(|grant| match grant {
            Grant::ModelBudget(most) => Some(*most),
            _ => None,
        });
        budgets.min()
    }

    /// A call's linear memory, where the grants say something of it.
    pub(crate) fn memory_bytes(&self) -> Option<usize> {
        let Self::Listed(listed) = self else { return None };
        listed.iter().rev().find_map(|grant| match grant {
            Grant::MemoryMb(mib) => Some((*mib as usize) << 20),
            _ => None,
        })
    }

    /// How many instances may stay for a tenant's next calls.
    pub(crate) fn sticky(&self) -> usize {
        let Self::Listed(listed) = self else { return 0 };
        let most = listed.iter().rev().find_map(|grant| match grant {
            Grant::Sticky(most) => Some(*most),
            _ => None,
        });
        most.unwrap_or_default().into()
    }

    /// The grants that a component cannot be bound without.
    #[must_use]
    pub fn needed(imports: &[String], manifest: &Manifest) -> Vec<String> {
        Self::Listed(Vec::new()).missing(imports, manifest)
    }

    /// Everything that a component asks for and is not granted, in the order in which it asks.
    pub(crate) fn missing(&self, imports: &[String], manifest: &Manifest) -> Vec<String> {
        let asked: Vec<Grant> = manifest.capabilities.iter().map(|asked| asked.grant.clone()).collect();
        let mut missing: Vec<String> = Vec::new();
        for import in imports {
            let interface = interface(import).unwrap_or_default();
            let restricted = RESTRICTED.contains(&interface) && !BY_COLLECTION.contains(&interface);
            // A manifest that names single secrets asks for those, not for the whole interface.
            let named = asked.iter().any(|grant| opens(grant, interface));
            if restricted && !named && !self.allow_interface(interface) {
                missing.push(as_granted(interface));
            }
        }
        let shared = manifest.shared_documents.iter().map(collection_grant);
        let refused = shared.chain(asked).filter(|asked| !self.covers(asked));
        missing.extend(refused.map(|asked| asked.to_string()));
        missing.dedup();
        missing
    }

    /// `missing`, as an error.
    pub(crate) fn check(&self, imports: &[String], manifest: &Manifest) -> Result<(), LoadError> {
        let missing = self.missing(imports, manifest);
        if missing.is_empty() {
            return Ok(());
        }
        Err(LoadError::NotGranted { missing, family: manifest.family.to_string() })
    }
}

impl Grant {
    /// Whether there is something behind it; the rest is for later releases.
    #[must_use]
    pub fn is_served(&self) -> bool {
        match self {
            Self::Interface(interface) => RESTRICTED.contains(interface),
            Self::Documents { .. }
            | Self::Secret { .. }
            | Self::Http { .. }
            | Self::Workspace { .. }
            | Self::Method(_)
            | Self::Model(_)
            | Self::ModelBudget(_)
            | Self::Sandbox(_)
            | Self::MemoryMb(_)
            | Self::Sticky(_) => true,
        }
    }
}

/// Refuses the first import that this gateway does not serve, granted or not.
pub(crate) fn check_served<'a>(imports: impl IntoIterator<Item = &'a str>) -> Result<(), LoadError> {
    for import in imports {
        let served = match interface(import) {
            Some(interface) => [FREE, BASIC, RESTRICTED].iter().any(|served| served.contains(&interface)),
            None => WASI.iter().any(|package| import.starts_with(package)),
        };
        if !served {
            return Err(LoadError::Unserved { interface: import.to_owned() });
        }
    }
    Ok(())
}

/// The short name of an interface of ours.
fn interface(import: &str) -> Option<&str> {
    let rest = import.strip_prefix(PACKAGE)?;
    rest.split('@').next()
}

/// The least grant of an interface, as it is written.
pub(crate) fn as_granted(interface: &str) -> String {
    match interface {
        WORKSPACE => Grant::Workspace { write: false }.to_string(),
        interface => interface.to_owned(),
    }
}

fn opens(grant: &Grant, interface: &str) -> bool {
    match grant {
        Grant::Interface(granted) => *granted == interface,
        Grant::Method(_) => interface == "methods",
        Grant::Workspace { .. } => interface == WORKSPACE,
        Grant::Sandbox(_) => interface == "sandbox",
        Grant::Model(_) => interface == "model",
        Grant::Secret { reveal, .. } => interface == "secrets" || (*reveal && interface == "secrets-reveal"),
        _ => false,
    }
}

fn collection_grant(SharedCollection { family, collection, access }: &SharedCollection) -> Grant {
    Grant::Documents { family: family.clone(), collection: collection.clone(), access: *access }
}

/// The grants of a binding: written down with it, or whatever `components.grants` says at the moment.
#[derive(Clone, Debug)]
pub(crate) enum GrantSource {
    /// One of our own components.
    Builtin,
    /// Given with the component.
    Own(Arc<Grants>),
    /// From the operator's configuration as it is when a call begins.
    Configured,
}

#[cfg(test)]
mod tests;
