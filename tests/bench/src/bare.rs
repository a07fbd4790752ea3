//! The baseline of P3: wasmtime alone, tuned, running the same components.
//!
//! A pooled, pre-linked instance a call and one typed call, as in the gateway.
//! What a handler asks of the host is answered from memory, so this holds no
//! SQLite, no files, no admission, no limits but an epoch, no schemas.

mod answers;

use std::{collections::HashMap, sync::Arc};

use wasmtime::{
    Config, Engine, Error, InstanceAllocationStrategy, PoolingAllocationConfig, Result, Store,
    component::{Component, Linker, Resource, ResourceType, types::ComponentItem},
};

pub(crate) use answers::Answers;
use generated::{Bare as Instance, BarePre};

mod generated {
    #![allow(unreachable_pub, missing_docs, unused_qualifications, clippy::all, reason = "generated code")]

    wasmtime::component::bindgen!({
        inline: "
            package openclaw:bench;

            world bare {
                import openclaw:gateway/types@0.1.0;
                import openclaw:gateway/calls@0.1.0;
                import openclaw:gateway/documents@0.1.0;
                import openclaw:gateway/shared-documents@0.1.0;
                import openclaw:gateway/files@0.1.0;
                import openclaw:gateway/config@0.1.0;
                import openclaw:gateway/tenancy@0.1.0;
                export openclaw:gateway/component@0.1.0;
            }
        ",
        path: "../../wit",
        imports: { default: trappable },
        exports: { default: async },
    });
}

/// Components ready for calls.
pub(crate) struct Bare {
    engine: Engine,
    components: HashMap<String, BarePre<State>>,
    answers: Arc<Answers>,
}

/// The state of one call's store.
pub(super) struct State {
    pub(super) method: &'static str,
    pub(super) answers: Arc<Answers>,
}

impl Bare {
    pub(crate) fn load(families: Vec<(&'static str, Vec<u8>)>, answers: Answers) -> Result<Self> {
        let engine = Engine::new(&config())?;
        let mut loaded = HashMap::new();
        for (family, wasm) in families {
            let component = Component::new(&engine, wasm)?;
            let mut linker = Linker::new(&engine);
            generated::Bare::add_to_linker::<_, wasmtime::component::HasSelf<_>>(&mut linker, |state: &mut State| {
                state
            })?;
            clocks(&mut linker)?;
            stub_the_rest(&mut linker, &component, &engine)?;
            loaded.insert(family.to_owned(), BarePre::new(linker.instantiate_pre(&component)?)?);
        }
        Ok(Self { engine, components: loaded, answers: Arc::new(answers) })
    }

    /// One call in a fresh store and instance.
    pub(crate) async fn call(&self, family: &str, method: &'static str, params: &[u8]) -> Result<Vec<u8>> {
        let component = self.components.get(family).ok_or_else(|| Error::msg("no such family"))?;
        let mut store = Store::new(&self.engine, State { method, answers: self.answers.clone() });
        store.set_epoch_deadline(1);
        let instance: Instance = component.instantiate_async(&mut store).await?;
        let answer =
            instance.openclaw_gateway_component().call_handle(&mut store, Resource::new_borrow(1), params).await?;
        answer.map_err(|error| Error::msg(format!("{method}: {}", error.message)))
    }
}

/// The settings that were measured to be fastest for a fresh instance a call.
fn config() -> Config {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(512)
        .total_core_instances(2048)
        .total_memories(512)
        .total_tables(1024)
        .total_stacks(512)
        .max_memories_per_component(1)
        .max_tables_per_component(2)
        .max_memory_size(64 << 20)
        .table_elements(4096)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .max_unused_warm_slots(256);
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .max_wasm_stack(512 << 10)
        .async_stack_size(1 << 20)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Interfaces that are answered, or whose few used functions are defined by hand.
const SERVED: [&str; 8] =
    ["types", "calls", "documents", "shared-documents", "files", "config", "tenancy", "wasi:clocks/"];

/// Links what a component imports and no measured method calls, as functions that fail.
fn stub_the_rest(linker: &mut Linker<State>, component: &Component, engine: &Engine) -> Result<()> {
    let own = |interface: &str| format!("openclaw:gateway/{interface}@");
    for (name, item) in component.component_type().imports(engine) {
        let served = SERVED.iter().any(|served| name.starts_with(served) || name.starts_with(&own(served)));
        let ComponentItem::ComponentInstance(interface) = item.ty else { continue };
        if served {
            continue;
        }
        let mut instance = linker.instance(name)?;
        for (export, item) in interface.exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => {
                    instance.func_new(export, |_, _, _, _| Err(Error::msg("the bare host does not serve this")))?;
                }
                // The call's handle is used by every interface, but defined by one.
                ComponentItem::Resource(_) if export != "call" => {
                    instance.resource(export, ResourceType::host::<()>(), |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// The functions of WASI that our components call.
fn clocks(linker: &mut Linker<State>) -> Result<()> {
    #[derive(Clone, Copy, wasmtime::component::ComponentType, wasmtime::component::Lower)]
    #[component(record)]
    struct Datetime {
        seconds: u64,
        nanoseconds: u32,
    }
    let wall = |_: wasmtime::StoreContextMut<'_, State>, (): ()| {
        let since = std::time::UNIX_EPOCH.elapsed()?;
        Ok((Datetime { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() },))
    };
    linker.instance("wasi:clocks/wall-clock@0.2.12")?.func_wrap("now", wall)?;
    let started = std::time::Instant::now();
    let monotonic =
        move |_: wasmtime::StoreContextMut<'_, State>, (): ()| Ok((u64::try_from(started.elapsed().as_nanos())?,));
    linker.instance("wasi:clocks/monotonic-clock@0.2.12")?.func_wrap("now", monotonic)?;
    Ok(())
}
