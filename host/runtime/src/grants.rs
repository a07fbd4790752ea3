//! Which capabilities a component may import.
//!
//! Decided once, at load, on the import list of the compiled file. Deny by
//! default: besides the basics, what a family gets is what the operator wrote.

use crate::{
    LoadError,
    manifest::{Access, Manifest, SharedCollection},
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
    "config",
    "config-write",
    "secrets",
    "secrets-reveal",
    "usage",
    "tenancy",
    "tenancy-control",
];

/// Granted one collection at a time, on what the manifest names.
pub(crate) const BY_COLLECTION: &[&str] = &["shared-documents", "shared-documents-write"];

/// WASI 0.2 packages that are always linked; what is not granted behind them denies.
pub(crate) const WASI: &[&str] =
    &["wasi:io/", "wasi:clocks/", "wasi:random/", "wasi:cli/", "wasi:filesystem/", "wasi:sockets/"];

/// What a family is granted beyond the basics.
#[derive(Clone, Debug)]
pub enum Grants {
    /// Our own components: whatever their import list asks for.
    Builtin,
    /// A third party's: interface names, `documents:<family>/<collection>`, and
    /// that with `:write`, which includes reading.
    Listed(Vec<String>),
}

impl Grants {
    fn allow(&self, capability: &str) -> bool {
        match self {
            Self::Builtin => true,
            Self::Listed(listed) => listed.iter().any(|granted| granted == capability),
        }
    }

    /// Refuses the first import that is not served or not granted.
    pub(crate) fn check_imports<'a>(
        &self,
        family: &str,
        imports: impl Iterator<Item = &'a str>,
    ) -> Result<(), LoadError> {
        for import in imports {
            let Some(rest) = import.strip_prefix(PACKAGE) else {
                if WASI.iter().any(|package| import.starts_with(package)) {
                    continue;
                }
                return Err(LoadError::Unserved { interface: import.into() });
            };
            let interface = rest.split('@').next().unwrap_or(rest);
            if FREE.contains(&interface) || BASIC.contains(&interface) {
                continue;
            }
            if !RESTRICTED.contains(&interface) {
                return Err(LoadError::Unserved { interface: import.into() });
            }
            if !BY_COLLECTION.contains(&interface) && !self.allow(interface) {
                return Err(LoadError::NotGranted { capability: interface.into(), family: family.into() });
            }
        }
        Ok(())
    }

    /// Refuses the first collection of another family that is not granted.
    pub(crate) fn check_manifest(&self, manifest: &Manifest) -> Result<(), LoadError> {
        for SharedCollection { family, collection, access } in &manifest.shared_documents {
            let read = format!("documents:{family}/{collection}");
            let write = format!("{read}:write");
            let granted = self.allow(&write) || (*access == Access::Read && self.allow(&read));
            if !granted {
                let capability = if *access == Access::Write { write } else { read };
                return Err(LoadError::NotGranted { capability, family: manifest.family.to_string() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
