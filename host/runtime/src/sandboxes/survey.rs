//! What runs at the moment, of all tenants: for the operator, who can end any of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use openclaw_sandbox::{Limits, Mode, Remote, Session, Usage};
use openclaw_tenancy::TenantId;
use serde::Serialize;
use tokio::sync::watch;

use super::OnBehalfOf;

/// How long somebody who ends a workload waits for its end.
const PATIENCE: Duration = Duration::from_secs(10);

/// All workloads and terminals that run, by their ids.
#[derive(Default)]
pub(super) struct Survey(Mutex<HashMap<String, Entry>>);

/// One that runs is listed until this is dropped.
pub(super) struct Listed {
    survey: Arc<Survey>,
    id: String,
    /// Closed with it.
    _ended: watch::Sender<()>,
}

struct Entry {
    facts: Facts,
    mode: Mode,
    process: Option<u32>,
    container: Option<String>,
    begun: Timestamp,
    remote: Remote,
    end: Box<dyn Fn() + Send + Sync>,
    ended: watch::Receiver<()>,
}

/// What is known of one from its beginning on.
pub(super) struct Facts {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) tenant: TenantId,
    pub(super) on_behalf_of: OnBehalfOf,
    pub(super) limits: Limits,
}

/// How long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// With the call that wanted it.
    Workload,
    /// Until it is closed.
    Terminal,
}

/// One as the operator sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Confined {
    sandbox_id: String,
    tenant_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_key: Option<String>,
    kind: Kind,
    mode: &'static str,
    /// Of its first process, as this machine counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    /// The engine's id of its container.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope_name: Option<String>,
    created_at: String,
    resource_limits: ToldLimits,
    resource_usage: ToldUsage,
    #[serde(skip)]
    begun: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldLimits {
    wall_ms: u64,
    memory_bytes: u64,
    cpu_millis: u32,
    pids: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldUsage {
    wall_ms: u64,
    cpu_ms: u64,
    peak_memory_bytes: u64,
}

/// What became of one that was to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Killed {
    /// Nothing of it is left; it was this tenant's.
    Ended(TenantId),
    /// It was told, and something of it is there still.
    Lingers(TenantId),
}

impl Survey {
    /// Lists one that has begun; `end` ends it.
    pub(super) fn list(
        self: &Arc<Self>,
        facts: Facts,
        session: &Session,
        end: impl Fn() + Send + Sync + 'static,
    ) -> Listed {
        let (sender, ended) = watch::channel(());
        let id = facts.id.clone();
        let entry = Entry {
            facts,
            mode: session.mode(),
            process: session.process(),
            container: session.container().map(str::to_owned),
            begun: Timestamp::now(),
            remote: session.remote(),
            end: Box::new(end),
            ended,
        };
        self.lock().insert(id.clone(), entry);
        Listed { survey: self.clone(), id, _ended: sender }
    }

    /// Those that run, the oldest first.
    fn told(&self) -> Vec<Confined> {
        let mut told: Vec<Confined> = self.lock().values().map(Entry::told).collect();
        told.sort_by(|a, b| (a.begun, &a.sandbox_id).cmp(&(b.begun, &b.sandbox_id)));
        told
    }

    /// The first processes of what runs for a tenant.
    pub(super) fn processes(&self, tenant: &TenantId) -> Vec<u32> {
        self.lock().values().filter(|entry| entry.facts.tenant == *tenant).filter_map(|entry| entry.process).collect()
    }

    /// Ends one and waits for that; none where there is no such.
    async fn kill(&self, id: &str) -> Option<Killed> {
        let (tenant, mut ended) = {
            let entries = self.lock();
            let entry = entries.get(id)?;
            (entry.end)();
            (entry.facts.tenant.clone(), entry.ended.clone())
        };
        // Nothing is ever sent: it closes.
        let is_over = tokio::time::timeout(PATIENCE, ended.changed()).await.is_ok();
        Some(if is_over { Killed::Ended(tenant) } else { Killed::Lingers(tenant) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.survey.lock().remove(&self.id);
    }
}

impl super::Sandboxes {
    /// The workloads that run and the terminals that are open, of all tenants, the oldest first.
    #[must_use]
    pub fn confined(&self) -> Vec<Confined> {
        self.survey.told()
    }

    /// Ends a workload or a terminal of any tenant, and waits for its end; none where there is no such.
    pub async fn kill(&self, id: &str) -> Option<Killed> {
        self.survey.kill(id).await
    }
}

impl Entry {
    fn told(&self) -> Confined {
        let Facts { id, kind, tenant, on_behalf_of, limits } = &self.facts;
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        Confined {
            sandbox_id: id.clone(),
            tenant_id: tenant.to_string(),
            agent_id: named(&on_behalf_of.agent),
            session_key: named(&on_behalf_of.session),
            kind: *kind,
            mode: self.mode.as_str(),
            pid: self.process,
            scope_name: self.container.clone(),
            created_at: self.begun.to_string(),
            resource_limits: limits.into(),
            resource_usage: self.remote.usage().into(),
            begun: self.begun,
        }
    }
}

impl From<&Limits> for ToldLimits {
    fn from(limits: &Limits) -> Self {
        let Limits { memory_bytes, cpu_millis, pids, .. } = *limits;
        Self { wall_ms: milliseconds(limits.wall), memory_bytes, cpu_millis, pids }
    }
}

impl From<Usage> for ToldUsage {
    fn from(usage: Usage) -> Self {
        let Usage { cpu, peak_memory_bytes, wall } = usage;
        Self { wall_ms: milliseconds(wall), cpu_ms: milliseconds(cpu), peak_memory_bytes }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
