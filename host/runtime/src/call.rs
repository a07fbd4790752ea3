//! One call: who asks, for which tenant, and the store's state while it runs.

use std::{
    collections::HashMap,
    os::fd::{AsFd, AsRawFd},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use openclaw_config::store::Snapshot;
use openclaw_tenancy::{Actor, Directory, Family, TenantRecord};
use tokio::sync::{Notify, Semaphore};
use wasmtime::{CallHook, Store, UpdateDeadline, component::ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::{
    capability::http::Outbound,
    claims::Claim,
    component::Component,
    cost::Cost,
    disk::Room,
    engine::Counting,
    error::{CallError, Failure},
    expected::Pair,
    grants::Grants,
    heavy::Growth,
    limits::{Limit, Limits, MemoryBudget},
    manifest::Scope,
    meter::{CpuMeter, Tick},
    services::Services,
    trace::Trace,
};

/// Whom a call is for.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A tenant: its own call, or the operator's on its behalf.
    Tenant(Arc<TenantRecord>),
    /// The gateway itself; the operator only.
    Gateway,
}

impl Subject {
    /// The tenant, where it is one.
    #[must_use]
    pub fn tenant(&self) -> Option<&Arc<TenantRecord>> {
        match self {
            Self::Tenant(tenant) => Some(tenant),
            Self::Gateway => None,
        }
    }
}

/// Who makes a call.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For the audit log.
    pub actor: Actor,
    /// What the caller's token carries.
    pub scopes: Arc<[Scope]>,
}

impl Caller {
    /// Whether a method of this scope may be called.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.is_operator()
            || self.scopes.contains(&scope)
            || (scope == Scope::Read && self.scopes.contains(&Scope::Write))
    }

    /// The same caller inside one tenant: what a component calls on the operator's behalf, it calls as the tenant.
    pub(crate) fn in_tenant(&self) -> Self {
        let scopes = if self.is_operator() { Scope::OF_TENANTS.into() } else { self.scopes.clone() };
        Self { actor: self.actor.clone(), scopes }
    }

    /// Whether this is the operator.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.scopes.contains(&Scope::Admin)
    }
}

/// A turn of an agent, as the component that takes it tells the ledger: within the tenant, whose it is is the
/// component's to say.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// Empty for no agent's.
    pub(crate) agent: String,
    pub(crate) session: Option<String>,
    pub(crate) run: Option<String>,
}

/// What the host knows of a call before it runs.
#[derive(Clone, Debug)]
pub struct CallFacts {
    /// The method's full name.
    pub method: Arc<str>,
    /// Whom it is for.
    pub subject: Subject,
    /// Who makes it.
    pub caller: Caller,
    /// The id in log and reply.
    pub request_id: Arc<str>,
    /// Its place in a trace, where those are collected.
    pub trace: Option<Trace>,
}

/// A call that a component has made of another method, at its end.
pub struct InnerCall<'a> {
    /// What was called, by whom, for whom.
    pub facts: &'a CallFacts,
    /// Who answered.
    pub component: &'a Component,
    /// From being routed to the answer.
    pub took: Duration,
    /// How it failed, where it did.
    pub error: Option<&'a CallError>,
}

/// Who is told.
pub type InnerCalls = Box<dyn Fn(&InnerCall<'_>) + Send + Sync>;

/// The state of one call's store: dropped with it.
pub(crate) struct CallState {
    pub(crate) facts: Option<CallFacts>,
    pub(crate) component: Option<Arc<Component>>,
    /// What the binding may do, as it was when the call began.
    pub(crate) grants: Arc<Grants>,
    pub(crate) services: Arc<Services>,
    pub(crate) table: ResourceTable,
    pub(crate) limits: Arc<Limits>,
    pub(crate) deadline: Instant,
    /// The configuration as this call sees it, once it has looked.
    pub(crate) config: Option<Arc<Snapshot>>,
    pub(crate) log_lines: u32,
    /// The tenant asked to be deleted, once this call has ended.
    pub(crate) delete_tenant: bool,
    /// It converts documents, and may do nothing else.
    pub(crate) migrating: bool,
    pub(crate) memory: MemoryBudget,
    /// The quota that refused a write, last.
    pub(crate) over_quota: Option<Box<openclaw_billing::Refusal>>,
    /// How a component failed that this call called, last.
    pub(crate) inner_failure: Option<Failure>,
    /// How many calls this one is inside of.
    pub(crate) depth: u8,
    /// It is a task, or inside one.
    pub(crate) is_task: bool,
    /// The turn in which it, or else a call that it is inside of, asked a model last.
    pub(crate) turn: Option<Turn>,
    /// What somebody else ends this call by.
    pub(crate) ends: Arc<Notify>,
    /// The claim that this task was started with.
    pub(crate) inherited: Option<Claim>,
    /// The names that it has.
    pub(crate) claims: HashMap<Arc<str>, Claim>,
    /// The limit that was broken first.
    pub(crate) breach: Option<Limit>,
    pub(crate) meter: Arc<CpuMeter>,
    /// Seen as `/` by a component that uses its language's file API.
    pub(crate) wasi_root: Option<Directory>,
    /// What it wrote so, all of which counts until the call ends.
    pub(crate) wasi_written: Option<Arc<Mutex<Room>>>,
    wasi: Option<WasiCtx>,
    /// Its way out of the gateway, once it has looked for one.
    pub(crate) http: Option<Box<Outbound>>,
    pub(crate) events: usize,
    host_calls: u64,
    returned: bool,
}

impl CallState {
    pub(crate) fn new(
        facts: CallFacts,
        component: Arc<Component>,
        grants: Arc<Grants>,
        services: Arc<Services>,
        limits: Arc<Limits>,
        wall: Duration,
    ) -> Self {
        let tenant = facts.subject.tenant();
        let growth = tenant.map(|tenant| Growth::of(&services.heavy, tenant.row, component.digest));
        let memory = MemoryBudget::new(&limits, grants.memory_bytes(), growth);
        Self {
            facts: Some(facts),
            component: Some(component),
            grants,
            memory,
            deadline: Instant::now() + wall,
            ..Self::without_call(services, limits)
        }
    }

    /// For reading a manifest: no call, so nothing to open a capability from.
    pub(crate) fn without_call(services: Arc<Services>, limits: Arc<Limits>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        Self {
            facts: None,
            component: None,
            grants: Arc::new(Grants::Listed(Vec::new())),
            table,
            deadline: Instant::now() + limits.wall,
            config: None,
            log_lines: 0,
            delete_tenant: false,
            migrating: false,
            memory: MemoryBudget::new(&limits, None, None),
            over_quota: None,
            inner_failure: None,
            depth: 0,
            is_task: false,
            turn: None,
            ends: Arc::default(),
            inherited: None,
            claims: HashMap::new(),
            breach: None,
            meter: Arc::new(CpuMeter::new(services.costs.is_some())),
            wasi_root: None,
            wasi_written: None,
            wasi: None,
            http: None,
            events: 0,
            host_calls: 0,
            returned: false,
            services,
            limits,
        }
    }

    /// Whether an instance with this state may serve a call with the next: what it was given is what that would get.
    pub(crate) fn serves_for(&self, next: &Self) -> bool {
        self.grants == next.grants
    }

    /// Makes this the state of the next call. What the instance holds it keeps: its memory, and the handles that
    /// it did not drop.
    pub(crate) fn renew(&mut self, next: Self) {
        let memory = std::mem::replace(&mut self.memory, MemoryBudget::new(&next.limits, None, None)).renewed();
        let (table, wasi) = (std::mem::take(&mut self.table), self.wasi.take());
        *self = Self { table, wasi, memory, ..next };
    }

    /// The family of the component that runs.
    pub(crate) fn family(&self) -> Option<&Family> {
        self.component.as_ref().map(|component| &component.manifest.family)
    }

    /// Puts every limit of the call on its store.
    pub(crate) fn limit(store: &mut Store<Self>) -> wasmtime::Result<()> {
        let limits = store.data().limits.clone();
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(limits.host_call_bytes.max(limits.result_bytes + 1));
        store.set_max_component_handles(limits.handles);
        store.call_hook(|mut store, hook| store.data_mut().cross(hook));
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| store.data_mut().tick());
        match store.data().services.counting() {
            Counting::Off => Ok(()),
            Counting::Instructions => store.set_fuel(u64::MAX),
        }
    }

    /// What a call has taken, with an answer of so many bytes.
    pub(crate) fn cost(store: &Store<Self>, started: Instant, result_bytes: usize) -> Cost {
        let state = store.data();
        Cost {
            // The store has fuel where instructions are counted, which is where costs are asked for.
            instructions: store.get_fuel().map_or(0, |left| u64::MAX - left),
            cpu: state.meter.total(),
            memory_bytes: state.memory.peak_bytes,
            host_calls: state.host_calls,
            result_bytes,
            log_lines: state.log_lines,
            took: started.elapsed(),
        }
    }

    /// Counts crossings into the host.
    fn cross(&mut self, hook: CallHook) -> wasmtime::Result<()> {
        match hook {
            CallHook::CallingHost => {
                self.host_calls += 1;
                if self.host_calls > self.limits.host_calls {
                    return Err(self.broke(Limit::HostCalls));
                }
            }
            CallHook::ReturningFromWasm => self.returned = true,
            CallHook::CallingWasm => self.returned = false,
            CallHook::ReturningFromHost => {}
        }
        Ok(())
    }

    /// The guest has run into a tick: end it, or let it go on when its turn comes.
    fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        match self.meter.tick(self.limits.cpu) {
            Tick::GoOn => Ok(UpdateDeadline::Continue(1)),
            Tick::TakeTurns => {
                if let Some(pair) = self.pair() {
                    self.services.long.renew(pair);
                }
                let turn = self.services.long_lane.clone().next_turn(self.tenant_lane(), self.meter.clone());
                Ok(UpdateDeadline::YieldCustom(1, Box::pin(turn)))
            }
            Tick::OverTime => Err(self.broke(Limit::Time)),
        }
    }

    /// The turn with which a call begins that is expected to be long: many of one tenant at once would each run until a
    /// tick finds them.
    pub(crate) fn first_turn(&self) -> Option<impl Future<Output = ()> + use<>> {
        let expected = self.pair().is_some_and(|pair| self.services.long.take(pair));
        expected.then(|| self.services.long_lane.clone().take_turn(self.tenant_lane(), self.meter.clone()))
    }

    fn pair(&self) -> Option<Pair> {
        let tenant = self.facts.as_ref()?.subject.tenant()?;
        Some((tenant.row, self.component.as_ref()?.digest))
    }

    pub(crate) fn tenant_lane(&self) -> Arc<Semaphore> {
        let tenant = self.facts.as_ref().and_then(|facts| facts.subject.tenant());
        self.services.admission.long_lane(tenant.map(|tenant| &tenant.id))
    }

    /// Ends the call over a limit.
    pub(crate) fn broke(&mut self, limit: Limit) -> wasmtime::Error {
        self.breach.get_or_insert(limit);
        limit.into()
    }

    /// The data of one crossing was over `host_call_bytes`: which limit that was.
    pub(crate) fn oversized(&self) -> Limit {
        if self.returned { Limit::ResultSize } else { Limit::HostCalls }
    }
}

/// The most random bytes that a guest gets at once.
const RANDOM_BYTES: u64 = 64 << 10;

impl WasiView for CallState {
    /// Made when a guest first uses WASI, which ours do for clock and randomness alone.
    #[allow(clippy::disallowed_methods, reason = "the path is a handle of host/tenancy's")]
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let root = self.wasi_root.take();
        let ctx = self.wasi.get_or_insert_with(|| {
            let mut wasi = WasiCtxBuilder::new();
            wasi.allow_blocking_current_thread(false).max_random_size(RANDOM_BYTES);
            if let Some(root) = root {
                // The path leads to this very handle, wherever the directory's name points by now.
                let path = format!("/proc/self/fd/{}", root.as_fd().as_raw_fd());
                if let Err(error) = wasi.preopened_dir(path, "/", FsPerms::ReadWrite) {
                    tracing::warn!(%error, "a component runs without its files");
                }
            }
            wasi.build()
        });
        WasiCtxView { ctx, table: &mut self.table }
    }
}
