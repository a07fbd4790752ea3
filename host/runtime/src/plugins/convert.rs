//! Lets a version at a tenant's documents once they have its form: at its first
//! call there or, where it is one tenant's alone, before it is bound.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use openclaw_tenancy::{Family, NAME_BYTES, TenantRecord};
use tokio::time::timeout;

use crate::{
    CallError, Refusal,
    binding::{Route, Version},
    call::CallFacts,
    component::Component,
    disk::Room,
    error::{CapabilityError, Failure},
    grants::Grants,
    invoke::{self, Outer},
    migrations::{Alone, Before, FailedConversion, Form, Hold, RunError, Stage, Step, Wanted, convert},
};

use super::Plugins;

/// How long a conversion that failed is left alone, unless something is bound.
const RETRY: Duration = Duration::from_secs(60);

/// How often a call follows a swap to the version that is bound by then.
const REROUTES: usize = 3;

/// Why documents have not the form that is wanted; they are as they were.
#[derive(Debug)]
pub(super) enum ConvertError {
    /// The component did not do it.
    Run(RunError),
    /// There is no room for the copy.
    Quota(Box<openclaw_billing::Refusal>),
    /// They cannot be put back as they were.
    NoCopy { version: String },
    /// Not now.
    Refused(Refusal),
    /// Something inside failed.
    Internal(String),
}

impl From<CapabilityError> for ConvertError {
    fn from(error: CapabilityError) -> Self {
        match error {
            CapabilityError::Refused(refusal) => Self::Refused(refusal),
            CapabilityError::Internal(error) => Self::Internal(error),
            CapabilityError::Trap(error) => Self::Internal(error.to_string()),
        }
    }
}

impl From<openclaw_documents::Error> for ConvertError {
    fn from(error: openclaw_documents::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<openclaw_control::ControlError> for ConvertError {
    fn from(error: openclaw_control::ControlError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// Documents that nobody else uses until it is dropped.
pub(super) struct Documents {
    tenant: Arc<TenantRecord>,
    family: Family,
    forms: Alone,
}

impl Plugins {
    /// Waits until a call's version may use its tenant's documents, and has them converted where that is to be
    /// done. A call whose version was swapped meanwhile goes on with the one that is bound now.
    pub(super) async fn ready(
        self: &Arc<Self>,
        route: &mut Route,
        facts: &CallFacts,
        outer: Option<&Outer>,
    ) -> Result<Option<Hold>, CallError> {
        let Some(tenant) = facts.subject.tenant() else { return Ok(None) };
        if route.is_everyones() && self.is_overridden(&tenant.id, &route.component().manifest.family) {
            // The documents have the form of the tenant's own component, and keep it.
            return Ok(None);
        }
        for _ in 0..REROUTES {
            let gate = self.migrations.gate(tenant, &route.component().manifest.family);
            let hold = match gate.clone().try_read_owned() {
                Ok(hold) => hold,
                // What it would wait for could be its own caller's.
                Err(_) if outer.is_some() => return Err(swapping()),
                Err(_) => within(route, outer, gate.clone().read_owned()).await?,
            };
            if self.step(&hold, route.version()) == Step::Nothing {
                return Ok(Some(hold));
            }
            if let Some(failure) = hold.failure(route.component().digest, self.generation()) {
                return Err(CallError::Failed(failure.clone()));
            }
            drop(hold);
            let forms = match outer {
                Some(_) => gate.try_write_owned().map_err(|_| swapping())?,
                None => within(route, outer, gate.write_owned()).await?,
            };
            if let Some(other) = self.swapped(route, tenant, facts).await? {
                *route = other;
                continue;
            }
            let documents =
                Documents { tenant: tenant.clone(), family: route.component().manifest.family.clone(), forms };
            let (plugins, version, request_id) = (self.clone(), route.version().clone(), facts.request_id.clone());
            // It runs to its end even when nobody waits for it any more.
            let work = tokio::spawn(async move { plugins.bring(documents, &version, request_id).await });
            let brought = within(route, outer, work).await?;
            return brought.unwrap_or_else(|error| Err(ConvertError::Internal(error.to_string()).into())).map(Some);
        }
        Err(swapping())
    }

    fn step(&self, forms: &crate::migrations::Forms, version: &Version) -> Step {
        let wanted = Wanted {
            digest: version.component.digest,
            sequence: version.sequence,
            migrates: version.component.migration.is_some(),
        };
        forms.step(wanted, |sequence| self.sequence.is_withdrawn(sequence))
    }

    /// The version that is bound by now, where that is another one.
    async fn swapped(
        &self,
        route: &Route,
        tenant: &TenantRecord,
        facts: &CallFacts,
    ) -> Result<Option<Route>, CallError> {
        let now = match route.is_everyones() {
            true => self.route_for_everyone(&facts.method).await?,
            false => self.route(Some(&tenant.id), &facts.method).await?,
        };
        let now = now.ok_or_else(swapping)?;
        if now.component().digest == route.component().digest && now.version().sequence == route.version().sequence {
            return Ok(None);
        }
        let same_place = now.component().pool == route.component().pool;
        if same_place && facts.caller.may(now.method().scope) { Ok(Some(now)) } else { Err(swapping()) }
    }

    /// Takes the steps that bring documents into a version's form.
    async fn bring(
        &self,
        mut documents: Documents,
        version: &Version,
        request_id: Arc<str>,
    ) -> Result<Hold, CallError> {
        loop {
            let done = match self.step(&documents.forms, version) {
                Step::Nothing => return Ok(documents.forms.downgrade()),
                Step::Back => self.go_back(&mut documents).await,
                Step::Forward => {
                    let grants = self.grants(version);
                    match self.go_forward(&mut documents, &version.component, grants, request_id.clone()).await {
                        Ok(()) => self.settle(&mut documents, version.sequence).await,
                        Err(error) => Err(error),
                    }
                }
            };
            if let Err(error) = done {
                let error = CallError::from(error);
                if let CallError::Failed(failure) = &error {
                    documents.forms.failed = Some(FailedConversion {
                        digest: version.component.digest,
                        generation: self.generation(),
                        until: Instant::now() + RETRY,
                        failure: failure.clone(),
                    });
                }
                return Err(error);
            }
        }
    }

    /// Converts a tenant's documents for a version that is to be bound: nobody uses them until the answer is
    /// settled or undone. None where they have its form, or it has none.
    pub(super) async fn convert_for(
        &self,
        component: &Arc<Component>,
        grants: Arc<Grants>,
        tenant: &Arc<TenantRecord>,
    ) -> Result<Option<Documents>, ConvertError> {
        if component.migration.is_none() {
            return Ok(None);
        }
        let family = component.manifest.family.clone();
        let forms = self.migrations.gate(tenant, &family).write_owned().await;
        let mut documents = Documents { tenant: tenant.clone(), family, forms };
        let wanted = Wanted { digest: component.digest, sequence: u64::MAX, migrates: true };
        loop {
            match documents.forms.step(wanted, |sequence| self.sequence.is_withdrawn(sequence)) {
                Step::Nothing => return Ok(None),
                Step::Back => self.go_back(&mut documents).await?,
                Step::Forward => {
                    self.go_forward(&mut documents, component, grants, "install".into()).await?;
                    return Ok(Some(documents));
                }
            }
        }
    }

    /// Keeps a copy, and has the component convert. Where it fails, all is put back.
    async fn go_forward(
        &self,
        documents: &mut Documents,
        component: &Arc<Component>,
        grants: Arc<Grants>,
        request_id: Arc<str>,
    ) -> Result<(), ConvertError> {
        let Documents { tenant, family, forms } = documents;
        let database = self.services.database(tenant, family);
        let bytes = database.copy_bytes().await?.unwrap_or_default();
        let room = self.room_for_copy(tenant, bytes).await?;
        let number = forms.stack.last().map_or(1, |top| top.number + 1);
        let kept = database.keep_copy(number).await?;
        drop(room);
        let replaced = forms.stack.last().map(|top| top.version.clone());
        let form = Form {
            number,
            digest: component.digest,
            version: component.manifest.version.clone(),
            sequence: 0,
            stage: Stage::Running,
            before: if kept { Before::Copy } else { Before::Nothing },
        };
        forms.stack.push(form);
        self.migrations.save(tenant, family, &forms.stack).await?;
        // All documents may go through its memory.
        let (component, tenant, services) = (component.clone(), tenant.clone(), self.services.clone());
        let run = convert(component, grants, tenant, replaced, request_id, services);
        if let Err(error) = self.services.heavy.run(run).await {
            self.go_back(documents).await?;
            return Err(ConvertError::Run(error));
        }
        Ok(())
    }

    /// A copy counts for the tenant's `disk_bytes`.
    async fn room_for_copy(&self, tenant: &TenantRecord, bytes: u64) -> Result<Room, ConvertError> {
        let refusal = match self.services.take_room(tenant, bytes + NAME_BYTES).await? {
            Ok(room) => return Ok(room),
            Err(refusal) => refusal,
        };
        let now = self.services.now().wall;
        let recorded = self.services.usage.record_refusal(&tenant.id, refusal.quota, now).await;
        recorded.map_err(|error| ConvertError::Internal(error.to_string()))?;
        Err(ConvertError::Quota(Box::new(refusal)))
    }

    /// A conversion that ran is the form of the version that is bound under this number.
    pub(super) async fn settle(&self, documents: &mut Documents, sequence: u64) -> Result<(), ConvertError> {
        let Documents { tenant, family, forms } = documents;
        if let Some(top) = forms.stack.last_mut() {
            (top.stage, top.sequence) = (Stage::Done, sequence);
            tracing::info!(tenant = %tenant.id, %family, version = top.version, "documents were converted");
        }
        forms.failed = None;
        let copies = forms.trim();
        self.migrations.save(tenant, family, &forms.stack).await?;
        let database = self.services.database(tenant, family);
        for copy in copies {
            database.forget_copy(copy).await?;
            self.services.disks.freed(tenant);
        }
        Ok(())
    }

    /// Puts back what was before the last conversion.
    pub(super) async fn go_back(&self, documents: &mut Documents) -> Result<(), ConvertError> {
        let Documents { tenant, family, forms } = documents;
        let Some(top) = forms.stack.last_mut() else { return Ok(()) };
        let again = top.stage == Stage::Restoring;
        let (number, before, version) = (top.number, top.before, top.version.clone());
        if before == Before::Gone {
            return Err(ConvertError::NoCopy { version });
        }
        let stage = std::mem::replace(&mut top.stage, Stage::Restoring);
        self.migrations.save(tenant, family, &forms.stack).await?;
        let database = self.services.database(tenant, family);
        if before == Before::Nothing {
            database.remove().await?;
        } else if !database.restore_copy(number).await? && !again {
            // Nothing has put it back, and it is not there.
            if let Some(top) = forms.stack.last_mut() {
                top.stage = stage;
            }
            self.migrations.save(tenant, family, &forms.stack).await?;
            return Err(ConvertError::NoCopy { version });
        }
        self.migrations.save(tenant, family, &forms.stack[..forms.stack.len() - 1]).await?;
        forms.stack.pop();
        self.services.disks.freed(tenant);
        tracing::info!(tenant = %tenant.id, %family, version, "documents are as they were before this version");
        Ok(())
    }
}

/// Waits as long as a call may.
async fn within<T>(route: &Route, outer: Option<&Outer>, work: impl Future<Output = T>) -> Result<T, CallError> {
    let wall = invoke::wall_time(route.method().timeout, &route.component().limits);
    timeout(outer.map_or(wall, |outer| wall.min(outer.left())), work).await.map_err(|_| swapping())
}

fn swapping() -> CallError {
    CallError::Unavailable {
        message: "this family is being swapped, and its documents converted".into(),
        retry_after_ms: Some(1000),
    }
}

impl From<ConvertError> for CallError {
    fn from(error: ConvertError) -> Self {
        let unavailable = |message: String| Self::Unavailable { message, retry_after_ms: None };
        match error {
            ConvertError::Run(error) => Self::Failed(error.into_failure()),
            ConvertError::Quota(refusal) => Self::Quota(refusal),
            ConvertError::Refused(refusal) => Self::Refused(refusal),
            ConvertError::NoCopy { version } => unavailable(format!(
                "this family's documents have the form of its version {version}, and no copy of what was before is left: install a version that converts them"
            )),
            ConvertError::Internal(detail) => Self::Failed(Failure { limit: None, reason: "migration", detail }),
        }
    }
}
