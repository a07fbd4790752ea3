//! What can be said of a component file before anybody installs it.
//!
//! Looking is not loading: nothing is bound, no tenant is named, no capability
//! is behind an import. The manifest is the one thing that runs, under the
//! limits of a call, and what it calls of the host ends it.

mod code;
mod imports;
mod manifest;
mod shape;

use wasmparser::{Encoding, Parser, Payload};

use crate::{Digest, Limits, LoadError, Manifest, bindings::migrating, limits::Pool};

pub use code::Code;
pub use imports::{Import, Need};
pub use shape::Shape;

/// A component file, looked at.
#[derive(Debug)]
pub struct Inspection {
    /// The name of its bytes.
    pub digest: Digest,
    /// The size of the file.
    pub bytes: usize,
    /// Everything that it can ever ask the host for.
    pub imports: Vec<Import>,
    /// What it answers to.
    pub exports: Vec<String>,
    /// What an instance of it takes.
    pub shape: Shape,
    /// What it takes to compile it.
    pub code: Code,
}

impl Inspection {
    /// Reads the file's structure; runs nothing.
    pub fn of(wasm: &[u8]) -> Result<Self, LoadError> {
        let flawed = |error: wasmparser::BinaryReaderError| LoadError::Invalid(error.to_string());
        if !wasm.starts_with(b"\0asm") {
            return Err(LoadError::Invalid("it is no WebAssembly file".into()));
        }
        let mut inspection = Self {
            digest: Digest::of(wasm),
            bytes: wasm.len(),
            imports: Vec::new(),
            exports: Vec::new(),
            shape: Shape::default(),
            code: Code::default(),
        };
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.map_err(flawed)?;
            match &payload {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(LoadError::Invalid("it is a core module: link it with wasm-component-ld".into()));
                }
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                // Those of a nested component are met from inside the file.
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section.clone() {
                        inspection.imports.push(Import::named(import.map_err(flawed)?.name.name));
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section.clone() {
                        inspection.exports.push(export.map_err(flawed)?.name.name.to_owned());
                    }
                }
                _ => {
                    inspection.shape.count(&payload).map_err(flawed)?;
                    inspection.code.count(&payload).map_err(flawed)?;
                }
            }
        }
        Ok(inspection)
    }

    /// The pool whose instances have room for it.
    pub(crate) fn pool(&self, limits: &Limits) -> Result<Pool, LoadError> {
        self.shape.pool(limits).map_err(|excess| LoadError::Invalid(excess.join("; ")))
    }

    /// The version of `openclaw:gateway` that it was built against.
    #[must_use]
    pub fn wit_version(&self) -> Option<&str> {
        let names = self.exports.iter().map(String::as_str).chain(self.imports.iter().map(|import| &*import.name));
        names.filter_map(|name| name.strip_prefix(imports::PACKAGE)).find_map(|name| Some(name.split_once('@')?.1))
    }

    /// Whether it converts the documents that another version left.
    #[must_use]
    pub fn migrates(&self) -> bool {
        self.exports.iter().any(|export| export == migrating::NAME)
    }

    /// What the file says of itself. Compiles it, and runs its `manifest` without any capability.
    pub async fn manifest(wasm: &[u8], limits: &Limits) -> Result<Manifest, LoadError> {
        let pool = Self::of(wasm)?.pool(limits)?;
        let json = manifest::read(wasm, pool, &limits.in_pool(pool)).await?;
        Manifest::parse(&json).map_err(LoadError::Manifest)
    }
}

#[cfg(test)]
mod tests;
