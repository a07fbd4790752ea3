//! In which version's form each tenant's documents are.
//!
//! A version that exports `migration` has a form of its own. What it converted is
//! a form on the stack of that tenant and family, above what was there before,
//! of which a copy lies beside the database. The stack is written down in
//! `control.db` before each step, so what a kill cuts short is put back and begun
//! again. A gate for each tenant and family lets calls in while the form is
//! theirs, and one conversion while there are no calls.

mod gate;
mod rows;
mod run;

use std::{sync::Arc, time::Instant};

use openclaw_control::{ControlDb, ControlError};
use openclaw_tenancy::{Family, Registry, TenantRecord};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::{digest::Digest, error::Failure};

use gate::Gates;

pub(crate) use run::{RunError, convert};

/// How many copies are kept of what was there before: as many as there are versions to go back to.
const KEPT: usize = 2;

/// What one version made of a tenant's documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// Names the copy of what was there before.
    pub(crate) number: u64,
    pub(crate) digest: Digest,
    /// Of the manifest.
    pub(crate) version: String,
    /// Of the version's row; 0 for what came with the gateway.
    pub(crate) sequence: u64,
    pub(crate) stage: Stage,
    pub(crate) before: Before,
}

/// How far a conversion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// What is there may be half of it.
    Running,
    Done,
    /// What was before is being put back.
    Restoring,
}

/// What there was before a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// No database.
    Nothing,
    /// What the copy has.
    Copy,
    /// Something that is not kept any more.
    Gone,
}

/// What is to be done before a version may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Nothing,
    /// Put back what was before the last conversion.
    Back,
    /// Convert what is there.
    Forward,
}

/// The version that wants to answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) digest: Digest,
    pub(crate) sequence: u64,
    /// It has a form of its own.
    pub(crate) migrates: bool,
}

/// The forms of a tenant's documents of one family, the present one last.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    pub(crate) stack: Vec<Form>,
    /// The conversion that failed last: it is not tried again with every call.
    pub(crate) failed: Option<FailedConversion>,
}

/// A conversion that is left alone for a while.
#[derive(Debug)]
pub(crate) struct FailedConversion {
    pub(crate) digest: Digest,
    /// Tried again once there was another change of what is bound.
    pub(crate) generation: u64,
    pub(crate) until: Instant,
    pub(crate) failure: Failure,
}

impl Forms {
    /// What a version needs to be done first. One that was bound after the one whose form is there converts it; one
    /// that was bound before gets back what it had, as does whoever follows a version that was rolled back.
    pub(crate) fn step(&self, wanted: Wanted, is_withdrawn: impl Fn(u64) -> bool) -> Step {
        match self.stack.last() {
            Some(top) if top.stage != Stage::Done || is_withdrawn(top.sequence) => Step::Back,
            Some(top) if top.digest == wanted.digest => Step::Nothing,
            Some(top) if top.sequence > wanted.sequence => Step::Back,
            _ if wanted.migrates => Step::Forward,
            _ => Step::Nothing,
        }
    }

    /// Why the version's conversion is not worth while now.
    pub(crate) fn failure(&self, digest: Digest, generation: u64) -> Option<&Failure> {
        let failed = self.failed.as_ref()?;
        let stands = failed.digest == digest && failed.generation == generation && Instant::now() < failed.until;
        stands.then_some(&failed.failure)
    }

    /// Gives up what is too old to go back to; answers the copies that are not needed any more.
    pub(crate) fn trim(&mut self) -> Vec<u64> {
        let old = self.stack.len().saturating_sub(KEPT);
        let mut copies = Vec::new();
        for form in &mut self.stack[..old] {
            if std::mem::replace(&mut form.before, Before::Gone) == Before::Copy {
                copies.push(form.number);
            }
        }
        // Of those whose past is gone the newest alone is something to go back to.
        self.stack.drain(..old.saturating_sub(1));
        copies
    }
}

/// A gate for those who want to read and write.
pub(crate) type Gate = Arc<RwLock<Forms>>;
/// While it lives, the documents keep their form.
pub(crate) type Hold = OwnedRwLockReadGuard<Forms>;
/// While it lives, nobody else is there.
pub(crate) type Alone = OwnedRwLockWriteGuard<Forms>;

/// The forms of all tenants' documents.
pub(crate) struct Migrations {
    control: ControlDb,
    gates: Gates,
}

impl Migrations {
    /// Reads what is written down, and forgets what was of tenants that are gone.
    pub(crate) fn open(control: ControlDb, registry: &Registry) -> Result<Self, ControlError> {
        rows::migrate(&control)?;
        let (living, gone): (Vec<_>, Vec<_>) = rows::load(&control)?
            .into_iter()
            .partition(|row| registry.get(&row.tenant).is_some_and(|now| now.row == row.tenant_row));
        rows::forget_blocking(&control, gone.into_iter().map(|row| row.tenant_row).collect())?;
        Ok(Self { gates: Gates::new(living), control })
    }

    /// The greatest sequence of a version that any tenant's documents know.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.gates.last_sequence()
    }

    pub(crate) fn gate(&self, tenant: &TenantRecord, family: &Family) -> Gate {
        self.gates.of(tenant.row, family)
    }

    /// Writes the stack down.
    pub(crate) async fn save(
        &self,
        tenant: &TenantRecord,
        family: &Family,
        stack: &[Form],
    ) -> Result<(), ControlError> {
        rows::replace(&self.control, tenant, family, stack.to_vec()).await
    }

    /// Forgets a deleted tenant.
    pub(crate) async fn forget(&self, tenant_row: u64) -> Result<(), ControlError> {
        self.gates.forget(tenant_row);
        rows::forget(&self.control, tenant_row).await
    }
}

#[cfg(test)]
mod tests;
