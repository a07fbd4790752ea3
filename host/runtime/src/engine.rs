//! The one wasmtime engine and the clock that preempts its guests.
//!
//! Compiling and running use the same `Config`, made here and nowhere else: two
//! that drift apart silently lose the cache of compiled code.

use std::{thread, time::Duration};

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::{LoadError, limits::Limits};

/// How often running guests are looked at.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// How many calls can hold an instance at once.
pub(crate) const SLOTS: u32 = 512;

/// A guest built with the SDK has its whole memory inside this, so that a slot
/// is reset by memset and costs no system call.
pub(crate) const KEEP_RESIDENT: usize = 256 << 10;

/// Linear memories of a component.
pub(crate) const MEMORIES: u32 = 1;

/// Tables of a component.
pub(crate) const TABLES: u32 = 2;

/// Makes the engine and starts its ticker, which ends with the engine.
pub(crate) fn engine(limits: &Limits) -> Result<Engine, LoadError> {
    let engine = Engine::new(&config(limits)).map_err(LoadError::engine)?;
    let ticking = engine.weak();
    thread::Builder::new()
        .name("epoch".into())
        .spawn(move || {
            while let Some(engine) = ticking.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })
        .map_err(|error| LoadError::engine(error.into()))?;
    Ok(engine)
}

fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        // Four times cheaper calls; needs the async component model, which no guest here has, to be off.
        .concurrency_support(false)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .max_wasm_stack(limits.stack_bytes)
        // The host's own frames run on the same stack below the guest's.
        .async_stack_size(limits.stack_bytes + (512 << 10))
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    config
}

/// A component linked by wasm-component-ld is 3 core modules in 4 instances with 2 tables.
fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(SLOTS)
        .total_core_instances(limits.core_instances * SLOTS)
        .total_memories(SLOTS)
        .total_tables(TABLES * SLOTS)
        .total_stacks(SLOTS)
        .max_core_instances_per_component(limits.core_instances)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        // At least the number of families in use, or their images are mapped anew in rotation.
        .max_unused_warm_slots(256);
    pool
}
