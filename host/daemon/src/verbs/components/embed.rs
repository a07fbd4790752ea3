//! `openclaw components embed FILE`

use std::path::PathBuf;

use clap::Args;
use openclaw_runtime::{Digest, embed};
use serde_json::json;

use super::calls;
use super::file::{ComponentFile, unreadable};
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw components embed lookup.wasm --output checked.wasm
  openclaw components embed lookup.wasm --calls calls.yaml --output checked.wasm --json";

/// Put calls into a component, which every gateway runs before it installs it.
///
/// The calls are those of `components test`: 32 at most, of 64 KiB. An install
/// runs them on documents and files that are thrown away, and is refused where
/// one of them does not end as it says. The component has another digest then:
/// sign it afterwards.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Embed {
    /// The component.
    file: PathBuf,
    /// The calls [default: calls.yaml beside the component, or here].
    #[arg(long, value_name = "FILE")]
    calls: Option<PathBuf>,
    /// The component with the calls in it [default: FILE itself].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Embed {
    #[allow(clippy::disallowed_methods, reason = "the author's own file")]
    pub(super) fn run(self, output: &Output) -> Result<(), CliError> {
        let component = ComponentFile::read(&self.file)?;
        let calls = calls::read_raw(self.calls, &self.file)?;
        let wasm = embed(component.wasm, &calls)
            .map_err(|flaw| CliError::failed(format!("{}: {flaw}", self.file.display())))?;
        let path = self.output.unwrap_or(self.file);
        std::fs::write(&path, &wasm).map_err(|error| unreadable(&path, &error))?;
        let (count, digest) = (calls.as_array().map_or(0, Vec::len), Digest::of(&wasm));
        if output.json {
            return output.document(&json!({ "file": path, "digest": digest.to_string(), "calls": count }));
        }
        if output.quiet {
            return Ok(());
        }
        output.line(&format!("{} has {count} calls in it: {digest}", path.display()))
    }
}
