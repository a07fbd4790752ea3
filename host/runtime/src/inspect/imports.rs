//! The import list, each entry with what it takes to have it.

pub(super) use crate::grants::PACKAGE;
use crate::grants::{BASIC, BY_COLLECTION, FREE, HTTP, RESTRICTED, WASI, as_granted};

/// One entry of the import list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// As the file spells it, `openclaw:gateway/log@0.1.0` for instance.
    pub name: String,
    /// What it takes to have it.
    pub need: Need,
}

/// What it takes to have an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Every component has it.
    Nothing,
    /// A grant of this name.
    Grant(String),
    /// A grant for each collection that the manifest names.
    Collections,
    /// A grant for each host that it asks.
    Hosts,
    /// It is linked, and denies what is not granted otherwise.
    Wasi,
    /// This gateway does not serve it.
    Unserved,
}

impl Import {
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), need: need(name) }
    }
}

fn need(import: &str) -> Need {
    let Some(rest) = import.strip_prefix(PACKAGE) else {
        if import.starts_with(HTTP) {
            return Need::Hosts;
        }
        let linked = WASI.iter().any(|package| import.starts_with(package));
        return if linked { Need::Wasi } else { Need::Unserved };
    };
    let interface = rest.split('@').next().unwrap_or(rest);
    if FREE.contains(&interface) || BASIC.contains(&interface) {
        Need::Nothing
    } else if BY_COLLECTION.contains(&interface) {
        Need::Collections
    } else if RESTRICTED.contains(&interface) {
        Need::Grant(as_granted(interface))
    } else {
        Need::Unserved
    }
}
