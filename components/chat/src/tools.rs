//! The tools that an agent may use, narrowed by the configuration.
//!
//! A tool is allowed by every policy there is (`tools`, `agents.defaults.tools`, the agent's own), and then only what
//! its own module lets through. What a model or a tool's output says is never asked about that.

mod exec;
mod fetch;
mod files;
mod grep;
pub(crate) mod spawn;

use crate::answer::ToolCall;
use crate::run::Run;
use crate::session::Session;
use crate::settings::Agent;
use openclaw_sdk::{Call, Error, Result, now_ms};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// The most bytes of a result that a model reads.
const RESULT_BYTES: usize = 48 << 10;

/// A tool: what a model is told of it, and what it does.
struct Tool {
    name: &'static str,
    group: &'static str,
    description: &'static str,
    /// The properties of its arguments' JSON Schema, and which of them must be there.
    arguments: fn() -> (Value, &'static [&'static str]),
    run: fn(&Bench<'_>, Value) -> Result<String>,
}

static TOOLS: [Tool; 8] = [
    exec::EXEC,
    files::READ,
    files::WRITE,
    files::EDIT,
    files::LS,
    grep::GREP,
    fetch::HTTP_FETCH,
    spawn::SESSION_SPAWN,
];

/// Groups of tools that a profile has; a profile of another name has none.
const PROFILES: [(&str, &[&str]); 2] = [
    ("coding", &["group:fs", "group:runtime"]),
    ("full", &["group:fs", "group:runtime", "group:web", "group:sessions"]),
];

/// Which tools the policies allow, and what `tools.exec` says of commands.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    allowed: Vec<&'static str>,
    exec: exec::Rules,
}

impl Policy {
    /// What all these allow together.
    pub(crate) fn of(policies: [&Value; 3]) -> Self {
        let allowed = |tool: &&Tool| policies.iter().all(|policy| allows(policy, tool));
        Self {
            allowed: TOOLS.iter().filter(allowed).map(|tool| tool.name).collect(),
            exec: exec::Rules::of(policies.map(|policy| &policy["exec"])),
        }
    }

    #[cfg(test)]
    pub(crate) fn names(&self) -> &[&'static str] {
        &self.allowed
    }
}

/// Whether a policy has this tool: in `allow` where that is given, in `profile` where that is, and not in `deny`.
fn allows(policy: &Value, tool: &Tool) -> bool {
    let names = |list: &Value| {
        list.as_array().into_iter().flatten().any(|name| name.as_str().is_some_and(|name| tool.is(name)))
    };
    let listed = match &policy["allow"] {
        Value::Array(list) if !list.is_empty() => names(&policy["allow"]),
        _ => true,
    };
    let in_profile = match policy["profile"].as_str() {
        Some(profile) => {
            let groups = PROFILES.iter().find(|(name, _)| *name == profile).map_or(&[][..], |(_, groups)| groups);
            groups.iter().any(|group| tool.is(group))
        }
        None => true,
    };
    listed && in_profile && !names(&policy["deny"]) && policy["enabled"] != false
}

impl Tool {
    /// Whether a policy's name is this tool's: its own, its group's, or one that ends in `*`.
    fn is(&self, name: &str) -> bool {
        match name.strip_suffix('*') {
            Some(prefix) => self.name.starts_with(prefix),
            None => name == self.name || name == self.group,
        }
    }

    /// As a request has it.
    fn definition(&self) -> Value {
        let (properties, required) = (self.arguments)();
        let parameters = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        });
        let function = json!({ "name": self.name, "description": self.description, "parameters": parameters });
        json!({ "type": "function", "function": function })
    }
}

/// Where tools are used: one call's rights, for one run.
pub(crate) struct Bench<'a> {
    call: &'a Call,
    allowed: Vec<&'static Tool>,
    exec: exec::Rules,
    agent: String,
    session_key: String,
    may_spawn: bool,
    /// When the run's time is over, by the clock.
    ends_at: u64,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(call: &'a Call, agent: &Agent, session: &Session<'_>, run: &Run, ends_at: u64) -> Self {
        let allowed = TOOLS.iter().filter(|tool| agent.tools.allowed.contains(&tool.name)).collect();
        let of_session = [session.detail("execSecurity"), session.detail("execAsk")];
        Self {
            call,
            allowed,
            exec: agent.tools.exec.narrowed(of_session),
            agent: agent.id.clone(),
            session_key: session.key.clone(),
            may_spawn: !run.is_report && !session.details.contains_key("spawnDepth"),
            ends_at,
        }
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.allowed.iter().map(|tool| tool.name).collect()
    }

    /// As a request has them.
    pub(crate) fn definitions(&self) -> Vec<Value> {
        self.allowed.iter().map(|tool| tool.definition()).collect()
    }

    /// Uses a tool as a model wants it. The text is for the model, whether it is an error or not.
    pub(crate) fn use_tool(&self, wanted: &ToolCall) -> (String, bool) {
        let result = match (self.allowed.iter().find(|tool| tool.name == wanted.name), &wanted.arguments) {
            (None, _) => Err(Error::forbidden(format!("there is no tool {:?} here", wanted.name))),
            (_, None) => Err(Error::invalid("the arguments are not a JSON object")),
            (Some(tool), Some(arguments)) => (tool.run)(self, arguments.clone()),
        };
        match result {
            Ok(text) => (cut(text), false),
            Err(error) => (cut(format!("{}: {}", error.code, error.message)), true),
        }
    }

    fn left(&self) -> Duration {
        Duration::from_millis(self.ends_at.saturating_sub(now_ms()))
    }
}

/// The arguments as a tool reads them; the error says what is wrong.
fn read<T: DeserializeOwned>(arguments: Value) -> Result<T> {
    serde_json::from_value(arguments).map_err(|error| Error::invalid(format!("the arguments: {error}")))
}

/// A text of at most so many bytes, which says what is missing.
fn cut(mut text: String) -> String {
    if text.len() > RESULT_BYTES {
        let end = text.floor_char_boundary(RESULT_BYTES);
        let left_out = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("\n({left_out} bytes more are left out)"));
    }
    text
}
