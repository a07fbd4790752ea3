//! `openclaw doctor`: looks at everything that the gateway stands on.
//!
//! Changes nothing, unless `--fix` asks for it; works beside a running daemon.

mod components;
mod daemon;
mod finding;
mod machine;
mod permissions;
mod state;
mod tenants;

use std::path::Path;

use clap::Args;
use openclaw_config::GatewayConfig;
use serde_json::json;

use crate::cli::Global;
use crate::error::{CliError, Kind};
use crate::output::{Colour, Output, printable};
use crate::settings::{Settings, config_file, home_path};
use finding::{Finding, Status};

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
        let mut findings = permissions::check(&home, self.fix);
        let settings = Settings::load(&home, &[]);
        let unreadable = settings.as_ref().ok().and_then(|settings| settings.check_files().err());
        findings.push(configuration(&config_file(&home), settings.as_ref().err().or(unreadable.as_ref())));
        let config = settings.map(|settings| settings.loaded.config).unwrap_or_default();
        let daemon = daemon::find(&home);
        findings.extend(daemon::check(&daemon, config.gateway.listen));
        findings.extend(state::check(&home, &config));
        findings.push(machine::clock(&home));
        findings.push(machine::disk(&home));
        findings.push(machine::open_files());
        findings.push(machine::memory_maps());
        findings.push(machine::bubblewrap());
        findings.push(self.components(&config, global, &daemon).await);
        report(&findings, output)
    }

    async fn components(&self, config: &GatewayConfig, global: &Global, daemon: &daemon::State) -> Finding {
        match daemon {
            daemon::State::Running(_) => components::in_daemon(global).await,
            daemon::State::Stopped => components::trial(config).await,
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the operator's configuration file")]
fn configuration(file: &Path, error: Option<&CliError>) -> Finding {
    match error {
        None if file.exists() => Finding::ok("config", format!("{} is valid", file.display())),
        None => Finding::ok("config", "no config.yaml: every key has its default"),
        Some(error) => Finding::fail("config", error.message.clone(), "mend it: the gateway does not start with it"),
    }
}

fn report(findings: &[Finding], output: &Output) -> Result<(), CliError> {
    let failed = findings.iter().filter(|finding| finding.status == Status::Fail).count();
    if output.json {
        output.document(&json!({ "ok": failed == 0, "checks": findings }))?;
    } else {
        let shown = |finding: &&Finding| !output.quiet || finding.status == Status::Fail;
        findings.iter().filter(shown).try_for_each(|finding| print(finding, output))?;
    }
    match failed {
        0 => Ok(()),
        _ if output.json => Err(CliError::silent(Kind::Failed)),
        1 => Err(CliError::failed("one check failed")),
        many => Err(CliError::failed(format!("{many} checks failed"))),
    }
}

fn print(finding: &Finding, output: &Output) -> Result<(), CliError> {
    let colour = match finding.status {
        Status::Ok => Colour::Green,
        Status::Warn => Colour::Yellow,
        Status::Fail => Colour::Red,
    };
    let status = output.paint(colour, &format!("{:4}", finding.status.name()));
    output.painted_line(&format!("{status}  {:11}  {}", finding.check, printable(&finding.message)))?;
    match &finding.advice {
        Some(advice) => output.line(&format!("{:19}{advice}", "")),
        None => Ok(()),
    }
}
