//! `openclaw doctor`: looks at everything that the gateway stands on.
//!
//! Changes nothing, unless `--fix` asks for it; works beside a running daemon.

mod components;
mod daemon;
mod finding;
mod machine;
mod permissions;
mod report;
mod sandbox;
mod state;
mod tenants;

use std::path::Path;

use clap::Args;

use crate::cli::Global;
use crate::error::CliError;
use crate::output::Output;
use crate::settings::{Settings, config_file, home_path};
use finding::Finding;
use report::Report;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw doctor
  openclaw doctor --fix --json";

/// Check the state directory, the daemon and this machine.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// Mend what can be mended safely: the modes of files.
    #[arg(long)]
    fix: bool,
}

impl Doctor {
    pub(crate) async fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let home = home_path(global)?;
        let mut report = Report::new(output);
        report.add_all(permissions::check(&home, self.fix))?;
        let settings = Settings::load(&home, &[]);
        let unreadable = settings.as_ref().ok().and_then(|settings| settings.check_files().err());
        report.add(configuration(&config_file(&home), settings.as_ref().err().or(unreadable.as_ref())))?;
        if let Ok(settings) = &settings {
            for (check, warnings) in [("models", settings.model_warnings()), ("tools", settings.loaded.unknown_tools())]
            {
                let findings = warnings.into_iter();
                report.add_all(findings.map(|warning| Finding::warn(check, warning.message, "mend config.yaml")))?;
            }
        }
        let valid = settings.is_ok();
        let config = settings.map(|settings| settings.loaded.config).unwrap_or_default();
        let daemon = daemon::find(&home);
        report.add_all(daemon::check(&daemon, valid.then_some(config.gateway.listen)))?;
        state::check(&home, &config, &mut report)?;
        report.add(machine::clock(&home))?;
        report.add(machine::disk(&home))?;
        report.add(machine::open_files())?;
        report.add(machine::memory_maps())?;
        report.add_all(sandbox::check(&home.join("sandbox/image"), &config.sandbox).await)?;
        match daemon {
            daemon::State::Running(_) => report.add(components::in_daemon(global).await)?,
            daemon::State::Stopped if !valid => {
                report.add(Finding::warn("components", "not looked at", "mend config.yaml first"))?;
            }
            daemon::State::Stopped if is_there(&home) => report.add(components::trial(&home, &config, output).await)?,
            // Nothing is compiled for a name that was mistyped.
            daemon::State::Stopped => {}
        }
        report.end()
    }
}

#[allow(clippy::disallowed_methods, reason = "the state directory, which the operator names")]
fn is_there(home: &Path) -> bool {
    home.exists()
}

#[allow(clippy::disallowed_methods, reason = "the operator's configuration file")]
fn configuration(file: &Path, error: Option<&CliError>) -> Finding {
    match error {
        None if file.exists() => Finding::ok("config", format!("{} is valid", file.display())),
        None => Finding::ok("config", "no config.yaml: every key has its default"),
        Some(error) => Finding::fail("config", error.message.clone(), "mend it: the gateway does not start with it"),
    }
}
