//! The configuration of whom a call is for.

use std::sync::Arc;

use openclaw_config::store::{Place, Snapshot, Subject as ConfigSubject};
use openclaw_tenancy::AuditEvent;
use serde_json::json;

use super::Services;
use crate::{
    call::{CallFacts, Subject},
    error::{CallError, CapabilityError},
};

impl Services {
    /// The configuration of a call, unless it cannot be read.
    pub(crate) fn sound_config(&self, subject: &Subject) -> Result<Arc<Snapshot>, CallError> {
        let issue = match self.config_snapshot(subject) {
            Ok(snapshot) if snapshot.valid => return Ok(snapshot),
            Ok(snapshot) => snapshot.issues.first().map(ToString::to_string).unwrap_or_default(),
            Err(CapabilityError::Refused(refusal)) => return Err(CallError::Refused(refusal)),
            Err(_) => "config.yaml cannot be opened".into(),
        };
        let message = format!("this tenant's configuration is damaged: {issue}; config.set replaces it");
        Err(CallError::Unavailable { message, retry_after_ms: None })
    }

    /// The configuration of the subject; one look at the file where it has not changed.
    pub(crate) fn config_snapshot(&self, subject: &Subject) -> Result<Arc<Snapshot>, CapabilityError> {
        self.with_config(subject, |place| Ok(self.config.snapshot(place)))
    }

    /// `config-write.replace`, with its line in the audit log. Blocks.
    pub(crate) fn config_replace(
        &self,
        call: &CallFacts,
        raw: &str,
        base_hash: Option<&str>,
    ) -> Result<Arc<Snapshot>, CapabilityError> {
        let written = self.with_config(&call.subject, |place| Ok(self.config.replace(place, raw, base_hash)?))?;
        self.config_written(call, &written)
    }

    /// `config-write.patch`, with its line in the audit log. Blocks.
    pub(crate) fn config_patch(
        &self,
        call: &CallFacts,
        patch: &str,
        base_hash: Option<&str>,
    ) -> Result<Arc<Snapshot>, CapabilityError> {
        let written = self.with_config(&call.subject, |place| Ok(self.config.patch(place, patch, base_hash)?))?;
        self.config_written(call, &written)
    }

    fn config_written(&self, call: &CallFacts, written: &Arc<Snapshot>) -> Result<Arc<Snapshot>, CapabilityError> {
        let event = AuditEvent {
            actor: call.caller.actor.clone(),
            tenant: call.subject.tenant().map(|tenant| tenant.id.clone()),
            action: "config.write",
            detail: json!({ "method": &*call.method, "hash": written.hash }),
        };
        self.audit.append(event).map_err(CapabilityError::internal)?;
        Ok(written.clone())
    }

    fn with_config<T>(
        &self,
        subject: &Subject,
        act: impl FnOnce(Place<'_>) -> Result<T, CapabilityError>,
    ) -> Result<T, CapabilityError> {
        match subject {
            Subject::Tenant(tenant) => {
                let open = self.open_tenant(tenant)?;
                act(Place { subject: &open.subject, directory: open.directory.root(), key: Some(&open.key) })
            }
            Subject::Gateway => {
                let directory = self.home.directory();
                act(Place { subject: &ConfigSubject::Gateway, directory, key: None })
            }
        }
    }
}
