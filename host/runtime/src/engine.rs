//! wasmtime's engines, one a pool of instances, and the clock that preempts their guests.
//!
//! Compiling and running use the same `Config`, made here and nowhere else: two
//! that drift apart silently lose the cache of compiled code. The pools differ in
//! what an instance may take and in nothing that code is compiled for, which
//! wasmtime's own hash, in the name of each cached file, would tell apart. So code
//! that a process of its own compiled (`compile/apart.rs`) runs in either.

use std::thread;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::{
    LoadError,
    limits::{Limits, Pool},
    meter::TICK,
};

impl Pool {
    /// At least the number of families in use, or their images are mapped anew in rotation.
    const fn warm_slots(self) -> u32 {
        match self {
            Self::Small => 256,
            Self::Large => self.slots(),
        }
    }
}

/// A guest built with the SDK has its whole memory inside this, so that a slot
/// is reset by memset and costs no system call.
pub(crate) const KEEP_RESIDENT: usize = 256 << 10;

/// Linear memories of a component.
pub(crate) const MEMORIES: u32 = 1;

/// Whether an engine's code counts the instructions that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    Off,
    /// As fuel, of which a store has all there is.
    Instructions,
}

/// Makes a pool's engine and starts its ticker, which ends with the engine. `limits` are the pool's.
pub(crate) fn engine(pool: Pool, limits: &Limits, counting: Counting) -> Result<Engine, LoadError> {
    let mut config = code(counting);
    config
        .max_wasm_stack(limits.stack_bytes)
        // The host's own frames run on the same stack below the guest's.
        .async_stack_size(limits.stack_bytes + (512 << 10))
        .allocation_strategy(InstanceAllocationStrategy::Pooling(allocation(pool, limits)));
    let engine = Engine::new(&config).map_err(LoadError::engine)?;
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

/// An engine that only compiles, on one thread: for code that any pool's engine runs.
pub(crate) fn compiler(counting: Counting) -> Result<Engine, LoadError> {
    let mut config = code(counting);
    config.parallel_compilation(false);
    Engine::new(&config).map_err(LoadError::engine)
}

/// What code is compiled for.
fn code(counting: Counting) -> Config {
    let mut config = Config::new();
    config
        // Four times cheaper calls; needs the async component model, which no guest here has, to be off.
        .concurrency_support(false)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .consume_fuel(counting == Counting::Instructions);
    config
}

fn allocation(pool: Pool, limits: &Limits) -> PoolingAllocationConfig {
    let slots = pool.slots();
    let mut allocation = PoolingAllocationConfig::default();
    allocation
        .total_component_instances(slots)
        .total_core_instances(limits.core_instances * slots)
        .total_memories(slots)
        .total_tables(limits.tables * slots)
        .total_stacks(slots)
        .max_core_instances_per_component(limits.core_instances)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(limits.tables)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .max_unused_warm_slots(pool.warm_slots());
    allocation
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use openclaw_config::gateway::CallLimits;

    use super::*;

    #[test]
    fn what_the_compiler_makes_runs_in_every_pool() {
        let hash = |engine: Engine| {
            let mut hasher = DefaultHasher::new();
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        let limits = Limits::from(&CallLimits::default());
        for counting in [Counting::Off, Counting::Instructions] {
            let compiled = hash(compiler(counting).expect("a compiler"));
            for pool in [Pool::Small, Pool::Large] {
                let run = hash(engine(pool, &limits.in_pool(pool), counting).expect("an engine"));
                assert_eq!(compiled, run, "{pool:?} {counting:?}");
            }
        }
    }
}
