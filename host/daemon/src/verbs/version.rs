//! `openclaw version`

use clap::Args;
use openclaw_runtime::Digest;
use serde_json::{Value, json};

use crate::builtin;
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw version
  openclaw version --json";

/// Show what this binary is made of.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Version {}

impl Version {
    pub(crate) fn run(self, output: &Output) -> Result<(), CliError> {
        let version = env!("CARGO_PKG_VERSION");
        if output.quiet && !output.json {
            return output.line(version);
        }
        let commit = Some(env!("OPENCLAW_COMMIT")).filter(|commit| !commit.is_empty());
        let digests = builtin::COMPONENTS.iter().map(|(family, wasm)| (*family, Digest::of(wasm).to_string()));
        if output.json {
            let components: Vec<Value> =
                digests.map(|(family, digest)| json!({ "family": family, "digest": digest })).collect();
            return output.document(&json!({
                "version": version,
                "commit": commit,
                "wasmtime": env!("OPENCLAW_WASMTIME"),
                "components": components,
            }));
        }
        match commit {
            Some(commit) => output.line(&format!("openclaw {version} ({commit})"))?,
            None => output.line(&format!("openclaw {version}"))?,
        }
        output.line(&format!("wasmtime {}", env!("OPENCLAW_WASMTIME")))?;
        let rows: Vec<Vec<String>> = digests.map(|(family, digest)| vec![family.to_owned(), digest]).collect();
        output.table(&["COMPONENT", "DIGEST"], &rows)
    }
}
