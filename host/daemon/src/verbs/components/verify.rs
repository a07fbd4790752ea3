//! `openclaw components verify FILE`

use std::io::Cursor;
use std::path::PathBuf;

use clap::Args;
use minisign::SignatureBox;
use openclaw_runtime::Digest;
use serde_json::json;

use super::file::unreadable;
use super::{keys, sign};
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw components verify lookup.wasm --key minisign.pub
  openclaw components verify lookup.wasm --key minisign.pub --signature lookup.wasm.minisig --json";

/// Check the signature of a component against a public key.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// The component.
    file: PathBuf,
    /// The public key, or the file that it is in.
    #[arg(long, value_name = "KEY")]
    key: String,
    /// The signature [default: FILE.minisig].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
}

impl Verify {
    #[allow(clippy::disallowed_methods, reason = "a file that the operator names")]
    pub(super) fn run(self, output: &Output) -> Result<(), CliError> {
        let wasm = std::fs::read(&self.file).map_err(|error| unreadable(&self.file, &error))?;
        let key = keys::public(&self.key)?;
        let path = self.signature.unwrap_or_else(|| sign::beside(&self.file));
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        let signature = SignatureBox::from_string(&text)
            .map_err(|error| CliError::failed(format!("{}: no minisign signature: {error}", path.display())))?;
        minisign::verify(&key, &signature, Cursor::new(&wasm), true, false, false).map_err(|error| {
            CliError::failed(format!("the signature of {} is not valid: {error}", self.file.display()))
        })?;
        let digest = Digest::of(&wasm).to_string();
        if output.json {
            return output.document(&json!({ "valid": true, "digest": digest, "publicKey": key.to_base64() }));
        }
        if output.quiet {
            return Ok(());
        }
        output.line(&format!("the signature of {} is valid: {digest}", self.file.display()))
    }
}
