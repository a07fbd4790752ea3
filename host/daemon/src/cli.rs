//! The command line: its grammar, and the way from arguments to an exit code.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};
use clap::{Args, Command, CommandFactory, Parser, Subcommand};

use crate::client;
use crate::error::{CliError, Kind};
use crate::output::Output;
use crate::verbs;

const EXIT_CODES: &str = "\
EXIT CODES:
    0  ok                       6  over a quota
    1  failed                   7  gateway unreachable
    2  usage                    8  configuration invalid
    3  not found               70  internal error
    4  authentication         130  interrupted
    5  conflict

ENVIRONMENT:
  OPENCLAW_HOME    the state directory, as --home
  OPENCLAW_URL     the gateway to talk to, as --url
  OPENCLAW_TOKEN   the token to present
  OPENCLAW_<KEY>   a key of config.yaml, OPENCLAW_GATEWAY_LISTEN for instance
  NO_COLOR         set to anything: no colours";

/// A gateway for OpenClaw that serves many tenants, each in a world of its own.
///
/// Verbs work on the daemon that runs on the state directory. Where none runs
/// they do their work on the directory themselves.
#[derive(Debug, Parser)]
#[command(name = "openclaw", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// Flags of every verb, before or after it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Print one JSON document on standard output, and errors as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print the bare result: a token, ids, nothing.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// The state directory [default: ~/.openclaw].
    #[arg(long, global = true, value_name = "DIR", env = "OPENCLAW_HOME", hide_env_values = true)]
    pub(crate) home: Option<PathBuf>,
    /// Talk to the gateway at this address, with the token of OPENCLAW_TOKEN.
    #[arg(long, global = true, value_name = "URL", env = "OPENCLAW_URL", hide_env_values = true)]
    pub(crate) url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(alias = "gateway")]
    Serve(verbs::serve::Serve),
    Tenants(verbs::tenants::Tenants),
    Billing(verbs::billing::Billing),
    Components(verbs::components::Components),
    Sandbox(verbs::sandbox::Sandbox),
    Terminal(verbs::terminal::Terminal),
    Call(verbs::call::Call),
    Config(verbs::config::Config),
    Doctor(verbs::doctor::Doctor),
    Logs(verbs::logs::Logs),
    Completions(verbs::completions::Completions),
    Version(verbs::version::Version),
}

/// Runs the command line and answers its exit code.
pub(crate) fn main(arguments: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, &arguments),
    };
    let output = Output::new(&cli.global);
    if matches!(cli.verb, Verb::Serve(_)) {
        // Where the kernel has none a call may wait a moment longer for a core.
        let _ = openclaw_sandbox::ask_for_short_slices();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.error(&CliError::new(Kind::Internal, format!("cannot start threads: {error}"))),
    };
    let result = runtime.block_on(run(cli, &output));
    // A thread that waits for input must not hold up the end.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output.error(&error),
    }
}

async fn run(cli: Cli, output: &Output) -> Result<(), CliError> {
    let Cli { global, verb } = cli;
    // The daemon looks after its signals itself.
    let minds_signals = matches!(verb, Verb::Serve(_));
    let is_local = matches!(verb, Verb::Serve(_) | Verb::Config(_) | Verb::Doctor(_) | Verb::Logs(_));
    if is_local && let Some(url) = client::url(&global) {
        output.warning(&format!("this verb is about this machine alone: --url {url} is of no use to it"));
    }
    let work = verb.run(&global, output);
    if minds_signals {
        return work.await;
    }
    tokio::select! {
        result = work => result,
        _ = tokio::signal::ctrl_c() => Err(CliError::interrupted()),
    }
}

impl Verb {
    async fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        match self {
            Self::Serve(serve) => serve.run(global, output).await,
            Self::Tenants(tenants) => tenants.run(global, output).await,
            Self::Billing(billing) => billing.run(global, output).await,
            Self::Components(components) => components.run(global, output).await,
            Self::Sandbox(sandbox) => sandbox.run(global, output).await,
            Self::Terminal(terminal) => terminal.run(global, output).await,
            Self::Call(call) => call.run(global, output).await,
            Self::Config(config) => config.run(global, output),
            Self::Doctor(doctor) => doctor.run(global, output).await,
            Self::Logs(logs) => logs.run(global, output).await,
            Self::Completions(completions) => completions.run(output),
            Self::Version(version) => version.run(output),
        }
    }
}

/// Help and version, which clap hands over as errors, and wrong usage.
fn refuse(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    match error.kind() {
        DisplayHelp | DisplayVersion => {
            // A reader that went away has seen enough.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            Kind::Usage.exit_code()
        }
        _ => {
            let json = arguments.iter().any(|argument| argument == "--json");
            let failure = CliError::usage_of(error);
            let failure = match verbs_there_are(error) {
                Some(verbs) => failure.hint(verbs),
                None => failure,
            };
            Output::for_usage(json).error(&failure)
        }
    }
}

/// The verbs to choose from, where what was written is like none of them.
fn verbs_there_are(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand || error.get(ContextKind::SuggestedSubcommand).is_some() {
        return None;
    }
    // Where in the verbs it was: the usage has that, and of the arguments it is not known which are values of flags.
    let said = error.render().to_string();
    let usage = said.lines().find_map(|line| line.strip_prefix("Usage: "))?;
    let (mut at, mut path) = (Cli::command(), "openclaw".to_owned());
    for word in usage.split_whitespace().skip(1) {
        let Some(below) = at.find_subcommand(word).cloned() else { break };
        path = format!("{path} {word}");
        at = below;
    }
    let verbs: Vec<&str> = at.get_subcommands().filter(|verb| !verb.is_hide_set()).map(Command::get_name).collect();
    Some(format!("`{path}` has {}", verbs.join(", ")))
}

#[cfg(test)]
mod tests;
