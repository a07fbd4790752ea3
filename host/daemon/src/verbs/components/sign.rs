//! `openclaw components sign FILE`

use std::io::Cursor;
use std::path::{Path, PathBuf};

use clap::Args;
use openclaw_runtime::Digest;
use serde_json::json;

use super::file::{ComponentFile, unreadable};
use super::keys;
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw components sign lookup.wasm --key minisign.key
  openclaw components sign lookup.wasm --key minisign.key --signature signed.minisig --json";

/// Sign a component, so that a gateway that trusts the key takes it.
///
/// The signature is minisign's and stands in a file of its own. It names the
/// component's digest, and so covers nothing else of the same name.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Sign {
    /// The component.
    file: PathBuf,
    /// The secret key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A file with the key's password; `-` for standard input. It is asked for otherwise.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Where the signature is written [default: FILE.minisig].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
}

/// Where the signature of a file is looked for.
pub(super) fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

impl Sign {
    #[allow(clippy::disallowed_methods, reason = "a file that the author names")]
    pub(super) fn run(self, output: &Output) -> Result<(), CliError> {
        let component = ComponentFile::read(&self.file)?;
        let key = keys::secret(&self.key, self.password_file.as_ref())?;
        let digest = Digest::of(&component.wasm);
        let comment = digest.to_string();
        let signed = minisign::sign(None, &key, Cursor::new(&component.wasm), Some(&comment), None);
        let signed = signed.map_err(|error| CliError::failed(format!("{}: {error}", self.file.display())))?;
        let path = self.signature.unwrap_or_else(|| beside(&self.file));
        std::fs::write(&path, signed.into_string()).map_err(|error| unreadable(&path, &error))?;
        if output.json {
            return output.document(&json!({ "digest": comment, "signature": path }));
        }
        if output.quiet {
            return Ok(());
        }
        output.line(&format!("{} is signed in {}", self.file.display(), path.display()))
    }
}
