//! `exec`: a command in the tenant's sandbox.
//!
//! `tools.exec.security` is `full` (any command: the sandbox confines it), `allowlist` (commands whose program is one
//! of `tools.exec.safeBins`, started without a shell) or `deny`. `tools.exec.ask` is `off`, `on-miss` or `always`: what
//! has to be asked about is run only where somebody allows it, by the method `exec.approval.request`. Of several such
//! settings the strictest holds; a session can be stricter than the configuration, never laxer.

use super::{Bench, Tool, read};
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
        });
        (properties, &["command"])
    },
    run,
};

/// What an approval is waited for, where the run has the time.
const APPROVAL_MS: u64 = 120_000;

/// What means something to a shell: a command that has it is no plain list of words.
const OF_SHELLS: &[char] = &[
    '|', '&', ';', '<', '>', '(', ')', '$', '`', '\\', '"', '\'', '*', '?', '[', ']', '#', '~', '=', '%', '!', '{',
    '}', '\n',
];

/// The laxest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Security {
    #[default]
    Full,
    AllowList,
    Deny,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Ask {
    #[default]
    Off,
    OnMiss,
    Always,
}

/// What may be run, and what has to be asked about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    security: Security,
    ask: Ask,
    safe: Vec<String>,
}

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
}

impl Security {
    /// A word that nobody knows allows nothing.
    fn named(word: &str) -> Self {
        match word {
            "full" => Self::Full,
            "allowlist" => Self::AllowList,
            _ => Self::Deny,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::AllowList => "allowlist",
            Self::Deny => "deny",
        }
    }
}

impl Ask {
    /// A word that nobody knows asks always.
    fn named(word: &str) -> Self {
        match word {
            "off" => Self::Off,
            "on-miss" => Self::OnMiss,
            _ => Self::Always,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::OnMiss => "on-miss",
            Self::Always => "always",
        }
    }
}

impl Rules {
    pub(super) fn of(levels: [&Value; 3]) -> Self {
        let words = |name: &'static str| levels.iter().filter_map(move |level| level[name].as_str());
        let safe = levels[0]["safeBins"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Self {
            security: words("security").map(Security::named).max().unwrap_or_default(),
            ask: words("ask").map(Ask::named).max().unwrap_or_default(),
            safe: safe.map(str::to_owned).collect(),
        }
    }

    /// The same with what a session asks for, where that is stricter.
    pub(super) fn narrowed(&self, [security, ask]: [Option<&str>; 2]) -> Self {
        Self {
            security: self.security.max(security.map(Security::named).unwrap_or_default()),
            ask: self.ask.max(ask.map(Ask::named).unwrap_or_default()),
            safe: self.safe.clone(),
        }
    }

    /// The words of a command that the allow list has: a plain one, of a program that is listed.
    fn listed(&self, command: &str) -> Option<Vec<String>> {
        if command.contains(OF_SHELLS) {
            return None;
        }
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        let program = words.first()?;
        self.safe.contains(program).then_some(words)
    }
}

fn run(bench: &Bench<'_>, arguments: Value) -> Result<String> {
    let arguments: Arguments = read(arguments)?;
    let words = permitted(bench, &arguments)?;
    let mut workload = Workload::new(words);
    workload.working_directory = super::files::inside(arguments.cwd.as_deref().unwrap_or_default()).to_owned();
    workload.stdin = arguments.stdin.unwrap_or_default().into_bytes();
    let left = u64::try_from(bench.left().as_millis()).unwrap_or(u64::MAX);
    let asked = arguments.timeout_seconds.map_or(left, |seconds| seconds.saturating_mul(1000).min(left));
    // What is more than the tenant gets is refused: left out, it is the most there is.
    if arguments.timeout_seconds.is_some() {
        workload.limits.wall_ms = u32::try_from(asked).unwrap_or(u32::MAX).max(1);
    }
    Ok(told(&bench.call.sandbox()?.run(&workload)?))
}

/// The words to be run, where the rules, or somebody who was asked, let them.
fn permitted(bench: &Bench<'_>, arguments: &Arguments) -> Result<Vec<String>> {
    let rules = &bench.exec;
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
        (Ask::OnMiss | Ask::Always, _) => approved(bench, arguments).map(|()| words),
    }
}

/// Asks about a command. Nobody who answers is a no.
fn approved(bench: &Bench<'_>, arguments: &Arguments) -> Result<()> {
    #[derive(Deserialize)]
    struct Answer {
        decision: Option<String>,
    }
    let left = u64::try_from(bench.left().as_millis()).unwrap_or(u64::MAX);
    let question = json!({
        "command": arguments.command, "cwd": arguments.cwd, "agentId": bench.agent, "sessionKey": bench.session_key,
        "security": bench.exec.security.word(), "ask": bench.exec.ask.word(), "timeoutMs": left.min(APPROVAL_MS),
    });
    let asked: Result<Answer> = bench.call.methods()?.call("exec.approval.request", &question);
    match asked.map(|answer| answer.decision) {
        Ok(Some(decision)) if decision.starts_with("allow") => Ok(()),
        Ok(_) => Err(Error::forbidden("this command was not approved")),
        Err(error) if error.is_not_found() || error.code == "FORBIDDEN" => {
            Err(Error::forbidden("this command needs an approval, and nobody can be asked here"))
        }
        Err(error) => Err(error),
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
