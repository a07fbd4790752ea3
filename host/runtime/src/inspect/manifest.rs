//! Runs `manifest` of a file that nobody has granted anything.

use wasmtime::{
    Engine, Store, UpdateDeadline,
    component::{Component, Linker, LinkerInstance, ResourceTable, ResourceType, types::ComponentItem},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::imports::PACKAGE;
use crate::{
    Limit, Limits, LoadError,
    capability::http::{self, Outbound},
    engine::{self, Counting},
    limits::{MemoryBudget, Pool},
    meter::TICK,
};

/// The version of the contract whose `component` interface is called.
const WIT_VERSION: &str = "0.1.0";

struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: Outbound,
    memory: MemoryBudget,
    /// Ticks of the engine's clock that are left.
    ticks: u128,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.http.view(&mut self.table)
    }
}

/// `limits` are those of `pool`.
pub(super) async fn read(wasm: &[u8], pool: Pool, limits: &Limits) -> Result<Vec<u8>, LoadError> {
    let engine = engine::engine(pool, limits, Counting::Off)?;
    let component = Component::new(&engine, wasm).map_err(LoadError::invalid)?;
    let linker = linker(&engine, &component).map_err(LoadError::invalid)?;
    let mut store = Store::new(&engine, State::new(limits));
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(limits.host_call_bytes);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| {
        let state = store.data_mut();
        state.ticks = state.ticks.checked_sub(1).ok_or(Limit::Time)?;
        Ok(UpdateDeadline::Yield(1))
    });
    let answer = run(&mut store, &linker, &component);
    tokio::time::timeout(limits.wall, answer)
        .await
        .map_err(|_| LoadError::Manifest("its manifest took too long".into()))?
        .map_err(|error| LoadError::Manifest(format!("its manifest could not be read: {error:#}").replace('\n', " ")))
}

impl State {
    fn new(limits: &Limits) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let ticks = limits.cpu.as_nanos() / TICK.as_nanos();
        let (wasi, http) = (WasiCtx::builder().build(), Outbound::of_nobody());
        Self { table, wasi, http, memory: MemoryBudget::new(limits, None, None), ticks }
    }
}

/// WASI, since languages start with it; everything of ours ends the run.
fn linker(engine: &Engine, component: &Component) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    http::add_to_linker(&mut linker)?;
    // `define_unknown_imports_as_traps` goes by the whole name, and would put itself before another release of WASI 0.2.
    for (name, import) in component.component_type().imports(engine) {
        if let ComponentItem::ComponentInstance(interface) = import.ty
            && name.starts_with(PACKAGE)
        {
            let mut stub = linker.instance(name)?;
            for (item, export) in interface.exports(engine) {
                end_at(&mut stub, item, &export.ty)?;
            }
        }
    }
    Ok(linker)
}

/// Defines one item of an interface: a function that ends the run, or a type that only such functions make.
fn end_at(interface: &mut LinkerInstance<'_, State>, item: &str, export: &ComponentItem) -> wasmtime::Result<()> {
    match export {
        ComponentItem::ComponentFunc(_) => {
            let called = item.to_owned();
            interface.func_new(item, move |_, _, _, _| {
                Err(wasmtime::format_err!("it calls {called}, and a manifest is read without a call"))
            })
        }
        ComponentItem::Resource(_) => interface.resource(item, ResourceType::host::<()>(), |_, _| Ok(())),
        _ => Ok(()),
    }
}

async fn run(store: &mut Store<State>, linker: &Linker<State>, component: &Component) -> wasmtime::Result<Vec<u8>> {
    let instance = linker.instantiate_async(&mut *store, component).await?;
    let missing = |what: &str| wasmtime::format_err!("it does not export {what}");
    let interface = format!("{PACKAGE}component@{WIT_VERSION}");
    let (_, exported) = instance.get_export(&mut *store, None, &interface).ok_or_else(|| missing(&interface))?;
    let (_, function) =
        instance.get_export(&mut *store, Some(&exported), "manifest").ok_or_else(|| missing("manifest"))?;
    let manifest = instance.get_typed_func::<(), (Vec<u8>,)>(&mut *store, &function)?;
    let (json,) = manifest.call_async(store, ()).await?;
    Ok(json)
}
