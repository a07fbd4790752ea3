//! The tools that an agent may use, narrowed by the configuration.
//!
//! A tool is one that the `policy` allows, and does only what its own module lets through: commands, what the `rules`
//! do. What a model or a tool's output says is never asked about that.

pub(crate) mod bounds;
mod exec;
mod fetch;
mod files;
mod grep;
mod memory;
pub(crate) mod policy;
mod rules;
pub(crate) mod spawn;

use crate::answer::ToolCall;
use crate::run::Run;
use crate::session::Session;
use crate::settings::Agent;
use bounds::Spare;
use openclaw_sdk::{Call, Error, Result, now_ms};
use policy::Policy;
use rules::Rules;
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
    run: fn(&Toolbox<'_>, Value) -> Result<String>,
}

static TOOLS: [Tool; 10] = [
    exec::EXEC,
    files::READ,
    files::WRITE,
    files::EDIT,
    files::LS,
    grep::GREP,
    memory::MEMORY_SEARCH,
    memory::MEMORY_WRITE,
    fetch::HTTP_FETCH,
    spawn::SESSION_SPAWN,
];

/// The tools that a policy leaves.
fn allowed(policy: &Policy) -> impl Iterator<Item = &'static Tool> {
    TOOLS.iter().filter(|tool| policy.allows(tool.name, tool.group))
}

#[cfg(test)]
pub(crate) fn names(policy: &Policy) -> Vec<&'static str> {
    allowed(policy).map(|tool| tool.name).collect()
}

impl Tool {
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

/// The tools of one run, with the rights of the call that they are used by.
pub(crate) struct Toolbox<'a> {
    call: &'a Call,
    allowed: Vec<&'static Tool>,
    exec: Rules,
    agent: String,
    session_key: String,
    may_spawn: bool,
    /// The agents that may be given tasks, besides itself.
    allow_agents: Vec<String>,
    strict_sandbox: bool,
    pub(crate) spare: Spare,
    /// When the run's time is over, by the clock.
    ends_at: u64,
}

impl<'a> Toolbox<'a> {
    pub(crate) fn new(call: &'a Call, agent: &Agent, session: &Session<'_>, run: &Run, ends_at: u64) -> Self {
        let of_session = [session.detail("execSecurity"), session.detail("execAsk")];
        Self {
            call,
            allowed: allowed(&agent.tools).collect(),
            exec: agent.tools.exec.narrowed(of_session),
            agent: agent.id.clone(),
            session_key: session.key.clone(),
            may_spawn: !run.is_report && !session.details.contains_key("spawnDepth"),
            allow_agents: agent.allow_agents.clone(),
            strict_sandbox: agent.strict_sandbox,
            spare: Spare::new(agent.limits),
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

    fn may_task(&self, agent: &str) -> bool {
        agent == self.agent || self.allow_agents.iter().any(|allowed| allowed == agent || allowed == "*")
    }

    /// The rules for commands as they are now: those of the tenant's approvals hold where they are stricter.
    fn exec_rules(&self) -> Result<Rules> {
        let file: Value = self.call.shared_documents("exec", "approvals")?.get("file")?.unwrap_or_default();
        let levels = [&file["agents"][&self.agent], &file["agents"]["*"], &file["defaults"]];
        let word = |name: &str| levels.iter().find_map(|level| level[name].as_str());
        Ok(self.exec.narrowed([word("security"), word("ask")]))
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
