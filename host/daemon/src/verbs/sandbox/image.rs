//! `openclaw sandbox image …`

use clap::{Args, Subcommand};
use openclaw_sandbox::image::{self, Tree};
use openclaw_tenancy::Home;
use serde_json::json;

use crate::cli::Global;
use crate::error::CliError;
use crate::output::Output;
use crate::settings::{Settings, existing_home};

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw sandbox image build
  openclaw sandbox image build --json";

/// What workloads see besides /work.
#[derive(Debug, Args)]
pub(super) struct Image {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Build(Build),
}

/// Build the system that workloads see, of this machine's Debian packages.
///
/// It has bash, coreutils, grep, sed, tar, util-linux and what
/// sandbox.extra_packages names, which must be installed here. The workloads
/// that begin from then on see it; the first one builds it, where nobody has.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
struct Build {}

impl Image {
    pub(super) fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let Verb::Build(Build {}) = self.verb;
        let path = existing_home(global)?;
        let config = Settings::load(&path, &[])?.loaded.config.sandbox;
        let directory = Home::open(&path)?.sandbox_image_path();
        let tree =
            image::build(&directory, &config.extra_packages).map_err(|error| CliError::failed(error.to_string()))?;
        show(&tree, output)
    }
}

fn show(tree: &Tree, output: &Output) -> Result<(), CliError> {
    if output.json {
        let (digest, bytes, packages) = (tree.digest(), tree.bytes(), tree.packages());
        return output.document(&json!({ "digest": digest, "bytes": bytes, "packages": packages }));
    }
    if output.quiet {
        return output.line(tree.digest());
    }
    let (mebibytes, packages) = (tree.bytes() >> 20, tree.packages().len());
    output.line(&format!("{packages} packages, {mebibytes} MiB: {}", tree.digest()))
}
