//! `openclaw components publish FILE ADDRESS`

use std::path::PathBuf;

use clap::Args;
use openclaw_fetch::Image;
use serde_json::json;

use super::install;
use super::source::{self, Access};
use super::{file::ComponentFile, sign};
use crate::error::CliError;
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw components publish lookup.wasm oci://ghcr.io/acme/lookup:1.0.0
  openclaw components publish lookup.wasm oci://ghcr.io/acme/lookup:1.0.0 --username acme --password-file -";

/// Put a component into an OCI registry, from which `components install` takes it.
///
/// The signature that lies beside the file goes along.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Publish {
    /// The component.
    file: PathBuf,
    /// Where to: oci://registry/name:tag
    address: String,
    /// Its signature [default: FILE.minisig, where there is one].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

impl Publish {
    pub(super) async fn run(self, output: &Output) -> Result<(), CliError> {
        let file = ComponentFile::read(&self.file)?;
        // What no gateway would take helps nobody there.
        install::manifest(&file).await?;
        let signature = source::signature(self.signature.as_deref(), Some(&sign::beside(&self.file)))?;
        let digest = file.inspection.digest.to_string();
        let registry = self.access.registry(&self.address).await?;
        registry.push(Image { wasm: file.wasm, signature }, &digest).await?;
        if output.json {
            return output.document(&json!({ "address": self.address, "digest": digest }));
        }
        if output.quiet {
            return Ok(());
        }
        output.line(&format!("{} is published as {}: {digest}", self.file.display(), self.address))
    }
}
