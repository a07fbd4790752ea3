//! What the operator's configuration says of components: whom it trusts, what
//! it grants, who is in which group. Replaced as a whole on a reload.

use std::{collections::HashMap, sync::Arc};

use minisign_verify::{PublicKey, Signature};
use openclaw_config::gateway::Components;
use openclaw_tenancy::{Family, TenantIdError};

use crate::{
    capability::http::HttpLimits,
    error::GrantError,
    grants::{GrantSource, Grants},
    layers::Groups,
};

/// `components.grants`, `.groups`, `.trusted_keys`, `.rollback_after`, `.families_per_tenant` and `.http`, read.
#[derive(Debug)]
pub struct Policy {
    grants: HashMap<String, Arc<Grants>>,
    nothing: Arc<Grants>,
    /// The same of our own families, by what their own components have of it.
    builtin: HashMap<String, Arc<Grants>>,
    ours: Arc<Grants>,
    keys: Vec<PublicKey>,
    pub(crate) groups: Groups,
    pub(crate) rollback_after: u32,
    pub(crate) families_per_tenant: u32,
    pub(crate) http: HttpLimits,
}

/// A part of the configuration that is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// `components.grants`
    #[error("components.grants.{family}: {error}")]
    Grant {
        /// Whose.
        family: String,
        /// What is wrong.
        error: GrantError,
    },
    /// `components.groups`
    #[error("components.groups.{group}: {error}")]
    Group {
        /// Which.
        group: String,
        /// What is wrong.
        error: TenantIdError,
    },
    /// `components.trusted_keys`
    #[error("components.trusted_keys[{index}] is no minisign public key: {reason}")]
    Key {
        /// Which of them.
        index: usize,
        /// What is wrong.
        reason: String,
    },
}

impl Policy {
    /// Reads it; the first thing that is wrong is the error.
    pub fn read(components: &Components) -> Result<Self, PolicyError> {
        let (mut grants, mut builtin) = (HashMap::new(), HashMap::new());
        for (family, texts) in &components.grants {
            let listed = Grants::parse(texts).map_err(|error| PolicyError::Grant { family: family.clone(), error })?;
            for text in listed.unserved() {
                tracing::warn!(
                    key = format!("components.grants.{family}"),
                    "{text} has no effect yet: nothing serves it"
                );
            }
            builtin.insert(family.clone(), Arc::new(Grants::builtin(&listed)));
            grants.insert(family.clone(), Arc::new(listed));
        }
        let mut groups = Groups::new();
        for (group, tenants) in &components.groups {
            let members = tenants.iter().map(|tenant| tenant.parse()).collect::<Result<_, _>>();
            let members = members.map_err(|error| PolicyError::Group { group: group.clone(), error })?;
            groups.insert(group.clone(), members);
        }
        let key = |(index, text): (usize, &String)| {
            PublicKey::from_base64(text.trim()).map_err(|error| PolicyError::Key { index, reason: error.to_string() })
        };
        Ok(Self {
            grants,
            nothing: Arc::new(Grants::Listed(Vec::new())),
            builtin,
            ours: Arc::new(Grants::Builtin(Vec::new())),
            keys: components.trusted_keys.iter().enumerate().map(key).collect::<Result<_, _>>()?,
            groups,
            rollback_after: components.rollback_after,
            families_per_tenant: components.families_per_tenant,
            http: HttpLimits::from(&components.http),
        })
    }

    /// What a binding may do now.
    pub(crate) fn grants(&self, source: &GrantSource, family: &Family) -> Arc<Grants> {
        match source {
            GrantSource::Own(grants) => grants.clone(),
            GrantSource::Builtin => self.builtin.get(family.as_str()).unwrap_or(&self.ours).clone(),
            GrantSource::Configured => self.grants.get(family.as_str()).unwrap_or(&self.nothing).clone(),
        }
    }

    /// Whether a signature is asked for.
    pub(crate) fn wants_signature(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether one of the trusted keys signed these bytes. `signature` is the text of a `.minisig` file.
    pub(crate) fn check_signature(&self, wasm: &[u8], signature: Option<&str>) -> Result<(), String> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let signature = signature.ok_or("it is not signed, and components.trusted_keys asks for a signature")?;
        let signature =
            Signature::decode(signature).map_err(|error| format!("its signature cannot be read: {error}"))?;
        let signed = self.keys.iter().any(|key| key.verify(wasm, &signature, false).is_ok());
        signed.then_some(()).ok_or_else(|| "none of components.trusted_keys signed it".into())
    }
}
