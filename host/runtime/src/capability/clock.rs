//! WASI's wall clock, told without the rest of WASI: most calls ask for the
//! time and for nothing else, and a WASI context costs more than they do.

use std::time::{SystemTime, UNIX_EPOCH};

use wasmtime::{
    StoreContextMut,
    component::{ComponentType, Linker, Lower},
};

use crate::call::CallState;

const WALL_CLOCK: &str = "wasi:clocks/wall-clock@0.2.12";

#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

pub(super) fn add_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let now = |_: StoreContextMut<'_, CallState>, (): ()| {
        // A clock before 1970 reads as 1970.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok((Datetime { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() },))
    };
    linker.instance(WALL_CLOCK)?.func_wrap("now", now)?;
    linker.allow_shadowing(false);
    Ok(())
}
