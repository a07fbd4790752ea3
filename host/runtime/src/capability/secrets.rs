//! `secrets` and `secrets-reveal`: sealed with the tenant's key, kept in the
//! family's own database in a collection that no guest can name.

use openclaw_documents::{Expectation, Operation, Order, Range};
use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{
    bindings::openclaw::gateway::{secrets, secrets_reveal},
    call::CallState,
    capability::calls::Call,
};

const COLLECTION: &str = "~secrets";
const NAME_BYTES: usize = 128;
const VALUE_BYTES: usize = 64 << 10;

/// The most names that are told: all of them stand in the memory of the call.
const NAMES: usize = 10_000;

/// The family's secrets in the calling tenant.
#[derive(Debug)]
pub struct Vault;

impl secrets::Host for CallState {
    async fn open(&mut self, _call: Resource<Call>) -> Result<Resource<Vault>, CapabilityError> {
        self.granted("secrets")?;
        self.tenant()?;
        Ok(self.table.push(Vault)?)
    }
}

impl CallState {
    /// Refuses a secret that the binding is not granted, whether there is one of that name or not.
    fn granted_secret(&self, name: &str) -> Result<(), CapabilityError> {
        if self.grants.allow_secret(name) {
            return Ok(());
        }
        Err(CapabilityError::forbidden(format!("secret:{name} is not granted to this component")))
    }

    /// Binds a sealed value to its family and name, so that none can stand in for another.
    fn sealed_for(&self, name: &str) -> Vec<u8> {
        let family = self.family().map(openclaw_tenancy::Family::as_str).unwrap_or_default();
        [family.as_bytes(), b"\0", name.as_bytes()].concat()
    }
}

impl secrets::HostVault for CallState {
    async fn names(&mut self, _vault: Resource<Vault>) -> Result<Vec<String>, CapabilityError> {
        let database = self.own_database()?;
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let range = Range { prefix: String::new(), after, skip: 0, limit: 1000, order: Order::KeyAscending };
            let page = database.scan(COLLECTION, range).await?;
            let found = page.documents.into_iter().map(|document| document.key);
            names.extend(found.filter(|name| self.grants.allow_secret(name)));
            if names.len() > NAMES {
                return Err(CapabilityError::new("CONFLICT", format!("there are more than {NAMES} secrets")));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(names),
            }
        }
    }

    async fn put(&mut self, _vault: Resource<Vault>, name: String, value: Vec<u8>) -> Result<(), CapabilityError> {
        if name.is_empty() || name.len() > NAME_BYTES {
            return Err(CapabilityError::invalid(format!("a secret's name is 1 to {NAME_BYTES} bytes")));
        }
        if value.len() > VALUE_BYTES {
            return Err(CapabilityError::invalid(format!("a secret is at most {VALUE_BYTES} bytes")));
        }
        self.granted_secret(&name)?;
        let sealed = self
            .services
            .open_tenant(self.tenant()?)?
            .key
            .seal(&self.sealed_for(&name), &value)
            .map_err(CapabilityError::internal)?;
        let put = Operation::Put {
            collection: COLLECTION.into(),
            key: name,
            value: sealed,
            rank: 0,
            expect: Expectation::Any,
        };
        let database = self.own_database()?;
        self.write(database, vec![put]).await?;
        Ok(())
    }

    async fn delete(&mut self, _vault: Resource<Vault>, name: String) -> Result<bool, CapabilityError> {
        self.granted_secret(&name)?;
        let delete = Operation::Delete { collection: COLLECTION.into(), key: name, expect: Expectation::Any };
        let found = self.own_database()?.transact(vec![delete]).await?;
        Ok(found.first() == Some(&1))
    }

    async fn drop(&mut self, vault: Resource<Vault>) -> wasmtime::Result<()> {
        self.table.delete(vault)?;
        Ok(())
    }
}

impl secrets_reveal::Host for CallState {
    async fn reveal(&mut self, _call: Resource<Call>, name: String) -> Result<Vec<u8>, CapabilityError> {
        if !self.grants.allow_reveal(&name) {
            return Err(CapabilityError::forbidden(format!("secret:{name}:reveal is not granted to this component")));
        }
        let document = self.own_database()?.get(COLLECTION, &name).await?;
        let document = document.ok_or_else(|| CapabilityError::not_found("there is no secret of that name"))?;
        let opened = self.services.open_tenant(self.tenant()?)?.key.open(&self.sealed_for(&name), &document.value);
        Ok(opened.map_err(CapabilityError::internal)?.to_vec())
    }
}
