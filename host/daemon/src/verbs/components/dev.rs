//! `openclaw components dev`: built and swapped in for one tenant at every change of the source.

mod watch;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Deserialize;
use tokio::process::Command;

use super::bindings::Scope;
use super::file::{ComponentFile, unreadable};
use super::install::{self, Consent, describe};
use crate::client::Client;
use crate::error::{CliError, Kind};
use crate::output::Output;
use watch::Watch;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw components dev --tenant demo --yes
  openclaw components dev handlers/lookup --tenant demo --once";

/// The file that says how a project is built.
const FILE: &str = "component.yaml";

/// Build a project and swap it in for one tenant, again at every change.
///
/// component.yaml, which `components new` writes, says how: `build` is a command for
/// the shell, `component` the file that it makes, `watch` the paths whose changes
/// count. A build that fails and a file that is refused leave the tenant what it has.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Dev {
    /// The project's directory.
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// Whose calls it serves.
    #[arg(long, value_name = "ID")]
    tenant: String,
    /// Grant all that it needs, now and after each change, and ask nothing.
    #[arg(long)]
    yes: bool,
    /// Build and swap in once, and watch nothing.
    #[arg(long)]
    once: bool,
}

/// `component.yaml`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Project {
    build: String,
    component: PathBuf,
    watch: Vec<PathBuf>,
}

impl Dev {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let project = Project::read(&self.directory)?;
        let mut consent = if self.yes { Consent::All } else { Consent::Ask };
        if self.once {
            return self.swap(&project, &mut consent, client, output).await;
        }
        let mut watch = Watch::of(&self.directory, &project.watch)?;
        loop {
            match self.swap(&project, &mut consent, client, output).await {
                // Nothing that an author changes in the source helps against these.
                Err(error) if matches!(error.kind, Kind::Unreachable | Kind::Authentication | Kind::Usage) => {
                    return Err(error);
                }
                Err(error) => output.warning(&error.message),
                Ok(()) => {}
            }
            watch.changed().await?;
        }
    }

    /// Builds the project, and has the gateway serve what came of it.
    async fn swap(
        &self,
        project: &Project,
        consent: &mut Consent,
        client: &Client<'_>,
        output: &Output,
    ) -> Result<(), CliError> {
        output.note(&format!("building: {}", project.build));
        let started = Instant::now();
        project.build(&self.directory).await?;
        let built = started.elapsed();
        let file = ComponentFile::read(&self.directory.join(&project.component))?;
        let manifest = install::manifest(&file).await?;
        let grants = consent.to(manifest.family.as_str(), file.grants(&manifest), output)?;
        let scope = Scope::tenant(&self.tenant);
        let swapping = Instant::now();
        let row =
            install::Request { file: &file, family: manifest.family.as_str(), grants, signature: None, canary: None }
                .send(&scope, client)
                .await?;
        if output.json {
            return output.json_line(&row);
        }
        if output.quiet {
            return Ok(());
        }
        let (built, swapped) = (in_milliseconds(built), in_milliseconds(swapping.elapsed()));
        output.line(&format!("{}, built in {built}, swapped in {swapped}", describe(&row)))
    }
}

impl Project {
    #[allow(clippy::disallowed_methods, reason = "the author's own file")]
    fn read(directory: &Path) -> Result<Self, CliError> {
        let path = directory.join(FILE);
        let text = fs::read_to_string(&path).map_err(|error| {
            unreadable(&path, &error).hint("`openclaw components new` makes a project that has one")
        })?;
        let options = serde_saphyr::options! { with_snippet: false };
        serde_saphyr::from_str_with_options(&text, options)
            .map_err(|error| CliError::usage(format!("{}: {error}", path.display())))
    }

    /// Runs the command; what it prints goes where our own notes go.
    async fn build(&self, directory: &Path) -> Result<(), CliError> {
        let mut command = Command::new("sh");
        command.args(["-c", &self.build]).current_dir(directory).stdin(Stdio::null()).kill_on_drop(true);
        // What the verb prints is the verb's own.
        command.stdout(std::io::stderr());
        let status = command.status().await?;
        if status.success() {
            return Ok(());
        }
        Err(CliError::failed(format!("the build failed ({status}): {}", self.build)))
    }
}

fn in_milliseconds(took: Duration) -> String {
    format!("{} ms", took.as_millis())
}
