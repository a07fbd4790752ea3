//! `openclaw sandbox run [--tenant ID] -- COMMAND…`

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::error::{CliError, Kind};
use crate::output::Output;
use crate::verbs::program_exit::{self, ENDED_OTHERWISE, TIME_OVER};

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw sandbox run --tenant demo -- ls -la /work
  openclaw sandbox run --tenant demo --seconds 10 -- sh -c 'echo \"$HOME on $(uname -s)\"'";

/// Run a command in a tenant's sandbox.
///
/// The workspace is at /work; what the command writes comes out here, and its
/// exit code is ours: 128 and the signal's number where it ended by a signal, 124
/// where its time was over, 125 where something else ended it or it did not start.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    /// The tenant whose sandbox it is.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Confine it by `bwrap` or `docker`; the configured one, or a stricter one.
    #[arg(long, value_parser = ["bwrap", "docker"])]
    mode: Option<String>,
    /// The directory to run in, below /work.
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// A variable of the environment, which else holds PATH and HOME alone.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// A file to read as standard input; `-` for ours.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// End it after so many seconds, if not before.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    seconds: Option<u32>,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

fn variable(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("it reads NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Run {
    pub(super) async fn run(self, client: &Client<'_>, output: &Output) -> Result<(), CliError> {
        let ran = client.request("sandbox.run", self.params()?, self.tenant.as_deref()).await?;
        let code = exit_code(&ran);
        let fine = code == 0;
        if output.json {
            output.document(&ran)?;
            return if fine { Ok(()) } else { Err(CliError::silent(Kind::Program(code))) };
        }
        let written = |stream: &str| ran[stream].as_str().unwrap_or_default().to_owned();
        let mut stderr = written("stderr");
        if !fine && !stderr.is_empty() && !stderr.ends_with('\n') {
            // Our own error begins a line.
            stderr.push('\n');
        }
        output.passed_on(&written("stdout"), &stderr)?;
        if ran["truncated"] == true {
            output.warning("it wrote more than is shown");
        }
        // Said too, since an exit code may be the gateway's own.
        if fine { Ok(()) } else { Err(CliError::new(Kind::Program(code), how_it_ended(&ran))) }
    }

    fn params(&self) -> Result<Value, CliError> {
        let mut params = Map::from_iter([("command".to_owned(), json!(self.command))]);
        let mut set = |name: &str, value: Option<Value>| params.extend(value.map(|value| (name.to_owned(), value)));
        set("mode", self.mode.as_ref().map(|mode| json!(mode)));
        set("cwd", self.cwd.as_ref().map(|cwd| json!(cwd)));
        set("env", (!self.env.is_empty()).then(|| json!(self.env.iter().cloned().collect::<BTreeMap<_, _>>())));
        set("stdin", self.input.as_deref().map(read).transpose()?.map(Value::from));
        set("limits", self.seconds.map(|seconds| json!({ "wallMs": u64::from(seconds) * 1000 })));
        Ok(params.into())
    }
}

/// The exit code that says how it ended.
fn exit_code(ran: &Value) -> u8 {
    match ran["reason"].as_str() {
        Some("timeout") => TIME_OVER,
        // Who is refused a process ends by itself.
        Some("exit" | "pids") => program_exit::of_program(ran),
        _ => ENDED_OTHERWISE,
    }
}

fn how_it_ended(ran: &Value) -> String {
    let reason = ran["reason"].as_str().unwrap_or_default();
    match (reason, ran["signal"].as_i64(), ran["exitCode"].as_i64()) {
        ("exit", Some(signal), _) => format!("the command ended by signal {signal}"),
        ("exit", None, Some(code)) => format!("the command ended with exit code {code}"),
        ("timeout", ..) => "the command took too long and was ended".to_owned(),
        ("oom", ..) => "the command used up its memory and was ended".to_owned(),
        ("output_limit", ..) => "the command wrote too much and was ended".to_owned(),
        ("pids", ..) => "the command was refused another process".to_owned(),
        ("failed-to-start", ..) => "the command did not start".to_owned(),
        _ => format!("the command was ended: {reason}"),
    }
}

#[allow(clippy::disallowed_methods, reason = "a file that the operator names")]
fn read(file: &Path) -> Result<String, CliError> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| CliError::usage(format!("--input {}: {error}", file.display())))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commands_end_is_our_exit_code() {
        for (ran, code) in [
            (json!({ "reason": "exit", "exitCode": 0 }), 0),
            (json!({ "reason": "exit", "exitCode": 255 }), 255),
            (json!({ "reason": "exit", "exitCode": null, "signal": 15 }), 143),
            (json!({ "reason": "pids", "exitCode": 2 }), 2),
            (json!({ "reason": "timeout", "exitCode": null }), 124),
            (json!({ "reason": "oom", "exitCode": null }), 125),
            (json!({ "reason": "output_limit", "exitCode": null }), 125),
            (json!({ "reason": "killed", "exitCode": null }), 125),
            (json!({ "reason": "failed-to-start", "exitCode": null }), 125),
            (json!({ "reason": "something new", "exitCode": 0 }), 125),
        ] {
            assert_eq!(exit_code(&ran), code, "{ran}");
        }
    }
}
