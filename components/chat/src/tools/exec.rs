//! `exec`: a command in the tenant's sandbox, where the rules, or somebody who was asked, let it.
//!
//! Somebody is asked by `exec.approval.request`, which answers by itself what was allowed for good. Whoever answers has
//! the scope `approvals`; no tool does.

use super::rules::{Ask, Rules, Security};
use super::{Tool, Toolbox, read};
use openclaw_sdk::sandbox::{Outcome, Workload};
use openclaw_sdk::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) const EXEC: Tool = Tool {
    name: "exec",
    group: "group:runtime",
    description: "Runs a shell command in the sandbox, whose workspace is /work. Answers its output and exit code.",
    arguments: || {
        let properties = json!({
            "command": { "type": "string" },
            "cwd": { "type": "string", "description": "Below /work." },
            "stdin": { "type": "string" },
            "timeout_seconds": { "type": "integer", "minimum": 1 },
            "sandbox": { "enum": ["bwrap", "docker"], "description": "A stricter mode than the configured one." },
        });
        (properties, &["command"])
    },
    run,
};

/// What an approval is waited for, where the run has the time.
const APPROVAL_MS: u64 = 120_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    command: String,
    #[serde(default)]
    cwd: Option<String>,
    #[serde(default)]
    stdin: Option<String>,
    #[serde(default)]
    timeout_seconds: Option<u64>,
    #[serde(default)]
    sandbox: Option<String>,
}

impl Arguments {
    /// Where it is run, as the sandbox is told: what somebody is asked about is what is done.
    fn directory(&self) -> &str {
        super::files::inside(self.cwd.as_deref().unwrap_or_default())
    }
}

fn run(toolbox: &Toolbox<'_>, arguments: Value) -> Result<String> {
    let arguments: Arguments = read(arguments)?;
    let words = permitted(toolbox, &arguments)?;
    let mut workload = Workload::new(words);
    workload.working_directory = arguments.directory().to_owned();
    workload.stdin = arguments.stdin.unwrap_or_default().into_bytes();
    workload.mode = super::bounds::mode(toolbox, arguments.sandbox)?;
    let left = u64::try_from(toolbox.left().as_millis()).unwrap_or(u64::MAX);
    let asked = arguments.timeout_seconds.map_or(left, |seconds| seconds.saturating_mul(1000).min(left));
    // What is more than the tenant gets is refused: left out, it is the most there is.
    if arguments.timeout_seconds.is_some() {
        workload.limits.wall_ms = u32::try_from(asked).unwrap_or(u32::MAX).max(1);
    }
    Ok(told(&toolbox.call.sandbox()?.run_for(&workload, &toolbox.agent, &toolbox.session_key)?))
}

/// The words to be run, where the rules, or somebody who was asked, let them.
fn permitted(toolbox: &Toolbox<'_>, arguments: &Arguments) -> Result<Vec<String>> {
    let rules = toolbox.exec_rules()?;
    let by_shell = || ["sh", "-c", &arguments.command].map(str::to_owned).to_vec();
    let listed = rules.listed(&arguments.command);
    let (words, is_miss) = match (rules.security, listed) {
        (Security::Deny, _) => return Err(Error::forbidden("commands are not allowed here")),
        (Security::Full, _) => (by_shell(), false),
        (Security::AllowList, Some(words)) => (words, false),
        (Security::AllowList, None) => (by_shell(), true),
    };
    match (rules.ask, is_miss) {
        (Ask::Off, true) => Err(Error::forbidden("this command is not on the list of those that are allowed")),
        (Ask::Off | Ask::OnMiss, false) => Ok(words),
        (Ask::OnMiss | Ask::Always, _) => approved(toolbox, &rules, arguments).map(|()| words),
    }
}

/// Asks about a command. Nobody who answers is a no.
fn approved(toolbox: &Toolbox<'_>, rules: &Rules, arguments: &Arguments) -> Result<()> {
    #[derive(Deserialize)]
    struct Answer {
        decision: Option<String>,
    }
    let left = u64::try_from(toolbox.left().as_millis()).unwrap_or(u64::MAX);
    let (security, ask) = rules.words();
    let question = json!({
        "command": asked_about(arguments), "cwd": arguments.directory(), "agentId": toolbox.agent,
        "sessionKey": toolbox.session_key, "security": security, "ask": ask, "timeoutMs": left.min(APPROVAL_MS),
    });
    let asked: Result<Answer> = toolbox.call.methods()?.call("exec.approval.request", &question);
    match asked.map(|answer| answer.decision) {
        Ok(Some(decision)) if decision.starts_with("allow") => Ok(()),
        Ok(_) => Err(Error::forbidden("this command was not approved")),
        Err(error) if error.is_not_found() || error.code == "FORBIDDEN" => {
            Err(Error::forbidden("this command needs an approval, and nobody can be asked here"))
        }
        Err(error) => Err(error),
    }
}

/// The command that somebody is asked about. What it is given to read may be all that it does (`sh`): so that is part
/// of it, written as a command that does the same.
fn asked_about(arguments: &Arguments) -> String {
    match arguments.stdin.as_deref() {
        None | Some("") => arguments.command.clone(),
        Some(stdin) => format!("printf %s '{}' | {{ {}; }}", stdin.replace('\'', r"'\''"), arguments.command),
    }
}

/// What a model is told of the end of a command.
fn told(outcome: &Outcome) -> String {
    let (out, err) = (String::from_utf8_lossy(&outcome.stdout), String::from_utf8_lossy(&outcome.stderr));
    let mut text = out.into_owned();
    if !err.is_empty() {
        text.push_str(if text.is_empty() || text.ends_with('\n') { "" } else { "\n" });
        text.push_str("(stderr)\n");
        text.push_str(&err);
    }
    match outcome.exit_code {
        Some(0) if !text.is_empty() => {}
        Some(code) => text.push_str(&format!("\n(exit code {code})")),
        None => text.push_str(&format!("\n(ended: {})", outcome.reason)),
    }
    if outcome.truncated {
        text.push_str("\n(more was written than is here)");
    }
    text.trim_start_matches('\n').to_owned()
}
