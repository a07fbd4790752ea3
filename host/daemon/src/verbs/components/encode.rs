//! `openclaw components encode|c-bindings`: what C's compiler lacks to make a component.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_bindgen_core::{Files, wit_parser::Resolve};
use wit_component::ComponentEncoder;

use super::file::unreadable;
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw components encode handler.core.wasm --output handler.wasm
  openclaw components encode handler.core.wasm --output handler.wasm --quiet";

/// Make a component of a module that was built for WASI's first version, as C's compiler builds them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Encode {
    /// The core module.
    module: PathBuf,
    /// The component.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

impl Encode {
    #[allow(clippy::disallowed_methods, reason = "the author's own files")]
    pub(super) fn run(self, output: &Output) -> Result<(), CliError> {
        let module = fs::read(&self.module).map_err(|error| unreadable(&self.module, &error))?;
        let component = component(&module).map_err(|error| {
            CliError::failed(format!("{} cannot be made a component: {error}", self.module.display()))
                .hint("it is linked with what wit-bindgen made of the world, is it, and with -mexec-model=reactor?")
        })?;
        let bytes = component.len();
        fs::write(&self.output, component).map_err(|error| unreadable(&self.output, &error))?;
        if output.quiet {
            return Ok(());
        }
        output.line(&format!("{}: {bytes} bytes", self.output.display()))
    }
}

/// The module with the adapter from WASI's first version to its second.
fn component(module: &[u8]) -> Result<Vec<u8>, String> {
    let (name, adapter) = (WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER);
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| encoder.adapter(name, adapter))
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| format!("{error:#}"))
}

const BINDINGS_EXAMPLES: &str = "\
EXAMPLES:
  openclaw components c-bindings wit --output bindings
  openclaw components c-bindings wit --world handler --output bindings";

/// Make the C side of a world: its header, its source, and the object that names its imports and exports.
#[derive(Debug, Args)]
#[command(after_help = BINDINGS_EXAMPLES)]
pub(super) struct CBindings {
    /// The directory of the world's package, with `deps/` in it.
    wit: PathBuf,
    /// The world.
    #[arg(long, default_value = "handler")]
    world: String,
    /// Where the files go.
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
}

impl CBindings {
    #[allow(clippy::disallowed_methods, reason = "the author's own files")]
    pub(super) fn run(self) -> Result<(), CliError> {
        let flawed = |error: String| CliError::failed(format!("{}: {error}", self.wit.display()));
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(&self.wit).map_err(|error| flawed(format!("{error:#}")))?;
        let world =
            resolve.select_world(&[package], Some(&self.world)).map_err(|error| flawed(format!("{error:#}")))?;
        let mut files = Files::default();
        let generated = wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files);
        generated.map_err(|error| flawed(format!("{error:#}")))?;
        fs::create_dir_all(&self.output).map_err(|error| unreadable(&self.output, &error))?;
        for (name, content) in files.iter() {
            let path = self.output.join(name);
            fs::write(&path, content).map_err(|error| unreadable(&path, &error))?;
        }
        Ok(())
    }
}
