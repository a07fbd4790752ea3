//! Two steps between a compiler that knows WASI's first version and a component:
//!
//! - `bindings WIT_DIRECTORY OUT_DIRECTORY`: the C side of the world `notes`;
//! - `component MODULE OUTPUT`: a module as a component, by the adapter from WASI's first version to its second.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_bindgen_core::{Files, wit_parser::Resolve};
use wit_component::ComponentEncoder;

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    match arguments.as_slice() {
        [verb, wit, out] if verb.as_os_str() == "bindings" => bindings(wit, out),
        [verb, module, output] if verb.as_os_str() == "component" => component(module, output),
        _ => bail!("usage: openclaw-languages bindings WIT_DIRECTORY OUT_DIRECTORY | component MODULE OUTPUT"),
    }
}

fn bindings(wit: &Path, out: &Path) -> Result<()> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).with_context(|| format!("{}", wit.display()))?;
    let world = resolve.select_world(&[package], Some("notes"))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)?;
    for (name, content) in files.iter() {
        fs::write(out.join(name), content).with_context(|| format!("{name} in {}", out.display()))?;
    }
    Ok(())
}

fn component(module: &Path, output: &Path) -> Result<()> {
    let bytes = fs::read(module).with_context(|| format!("{}", module.display()))?;
    let component = ComponentEncoder::default()
        .module(&bytes)?
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
        .validate(true)
        .encode()?;
    fs::write(output, component).with_context(|| format!("{}", output.display()))
}
