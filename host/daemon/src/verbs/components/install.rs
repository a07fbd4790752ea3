//! `openclaw components install FILE|URL`

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use openclaw_config::gateway::CallLimits;
use openclaw_runtime::{Limits, Manifest};
use serde_json::{Value, json};

use super::bindings::Scope;
use super::file::ComponentFile;
use super::source::{Source, Sourced};
use crate::client::Client;
use crate::error::CliError;
use crate::output::{Output, plain};

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw components install lookup.wasm --tenant demo --yes
  openclaw components install lookup.wasm --tenant demo --canary 10 --yes --json";

/// A larger file does not go into the parameters, of which a gateway takes 8 MiB unless it is told otherwise.
const IN_PARAMS: usize = 4 << 20;

/// Bind a component while the gateway runs: for one tenant, a group, or everyone.
///
/// What it needs to be granted is read from the file and shown first. Nothing is
/// granted unasked: say yes, name the grants, or give --yes for all of them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Install {
    /// The component: a file, or an https:// or oci:// address, which takes --digest or --key.
    file: PathBuf,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    scope: Scope,
    /// Grant this, and ask nothing; again for each grant.
    #[arg(long = "grant", value_name = "GRANT")]
    grants: Vec<String>,
    /// Grant all that it needs, and ask nothing.
    #[arg(long)]
    yes: bool,
    /// Let it take this percentage of the calls at first; `components activate` gives it all.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=99))]
    canary: Option<u8>,
}

impl Install {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let Sourced { file, signature } = self.source.read(&self.file).await?;
        let manifest = manifest(&file).await?;
        let family = manifest.family.as_str();
        let mut consent = if self.yes { Consent::All } else { Consent::Ask };
        let grants =
            if self.grants.is_empty() { consent.to(family, file.grants(&manifest), output)? } else { self.grants };
        let request = Request { file: &file, family, grants, signature, canary: self.canary };
        let row = request.send(&self.scope, client).await?;
        if output.json {
            return output.document(&row);
        }
        if output.quiet {
            return Ok(());
        }
        output.line(&describe(&row))
    }
}

/// What a file says of itself, or why no gateway would take it.
pub(super) async fn manifest(file: &ComponentFile) -> Result<Manifest, CliError> {
    file.manifest(&Limits::from(&CallLimits::default())).await.map_err(|error| {
        CliError::failed(format!("{} is refused: {error}", file.path.display()))
            .hint("`openclaw components check FILE` says more")
    })
}

/// One `components.install`.
pub(super) struct Request<'a> {
    pub(super) file: &'a ComponentFile,
    pub(super) family: &'a str,
    pub(super) grants: Vec<String>,
    pub(super) signature: Option<String>,
    pub(super) canary: Option<u8>,
}

impl Request<'_> {
    /// Answers the row of what was installed.
    pub(super) async fn send(self, scope: &Scope, client: &Client<'_>) -> Result<Value, CliError> {
        let upload = (self.file.wasm.len() > IN_PARAMS).then_some(self.file.wasm.as_slice());
        let params = json!({
            "family": self.family,
            "wasm": upload.is_none().then(|| STANDARD.encode(&self.file.wasm)),
            "uploadId": upload.map(|_| self.file.inspection.digest.to_string()),
            "expectDigest": self.file.inspection.digest.to_string(),
            "grants": self.grants,
            "signature": self.signature,
            "canaryPercent": self.canary,
        });
        scope.request_with(client, "components.install", params, upload).await
    }
}

/// Who says yes to what a component asks for.
#[derive(Debug)]
pub(super) enum Consent {
    /// The command line, to everything.
    All,
    /// Somebody at the terminal, who has not been asked.
    Ask,
    /// Somebody who said yes to these.
    Given(Vec<String>),
}

impl Consent {
    /// The grants that are needed, where somebody says yes to them.
    pub(super) fn to(&mut self, family: &str, needed: Vec<String>, output: &Output) -> Result<Vec<String>, CliError> {
        let given = match self {
            Self::All => true,
            Self::Ask => needed.is_empty(),
            Self::Given(given) => needed.iter().all(|grant| given.contains(grant)),
        };
        if given {
            return Ok(needed);
        }
        let asks = format!("{family} asks for: {}", needed.join(", "));
        if !io::stdin().is_terminal() {
            return Err(CliError::usage(format!("{asks}; nothing was granted, and there is no terminal to ask"))
                .hint("grant it all with --yes, or name each with --grant"));
        }
        output.note(&asks);
        output.note("grant all of it? [y/N]");
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if answer.trim().eq_ignore_ascii_case("y") {
            *self = Self::Given(needed.clone());
            return Ok(needed);
        }
        Err(CliError::failed("nothing was granted, and nothing installed"))
    }
}

pub(super) fn describe(row: &Value) -> String {
    let (family, version, digest) = (plain(&row["family"]), plain(&row["version"]), plain(&row["digest"]));
    match row["canaryPercent"].as_u64() {
        Some(percent) => format!("{family} {version} takes {percent} % of the calls: {digest}"),
        None => format!("{family} {version} takes the calls: {digest}"),
    }
}
