//! Agents at work: a message comes in, a model is asked until it wants no more tools, and what was said stays in the
//! session's transcript.
//!
//! - `send`, `agent`, `wait`, `abort`, `identity`: the methods.
//! - `lane`: one run at a time a session, the others in line; `run`: what is kept of each.
//! - `turn`: a run from its first word to its last; `answer`: one answer of the model; `ending`: what its last line
//!   says of a run.
//! - `session`: the row and the transcript, which the family `sessions` keeps; `context`: what of it a model reads;
//!   `compact`: what becomes of it once it is too long.
//! - `settings`, `prompt`, `skills`, `tools`: what the agent is told, may do and may spend; `teller`: who hears of it.

mod abort;
mod agent;
mod answer;
mod compact;
mod context;
mod ending;
mod identity;
mod lane;
mod money;
mod prompt;
mod run;
mod send;
mod session;
mod settings;
mod skills;
mod teller;
mod tools;
mod turn;
mod wait;

/// Runs the tenant's agents.
#[openclaw_sdk::handler(
    family = "chat",
    events("chat", "agent", "sessions.changed"),
    shared_documents(
        "sessions/sessions:write",
        "sessions/session-details:write",
        "sessions/transcript:write",
        "exec/approvals",
    ),
    capabilities(
        "method:sessions.create" = "begins a conversation with its first message",
        "method:sessions.patch" = "marks a conversation that an agent began",
        "method:sessions.resolve" = "finds a conversation by its id",
        "method:agents.files.get" = "an agent's files are its prompt",
        "method:agents.files.list" = "an agent's files are its prompt",
        "method:memory.search" = "an agent finds what it remembers",
        "method:memory.put" = "an agent remembers what it is told to",
        "method:exec.approval.request" = "asks before a command is run, where that is wanted",
        "directory:workspace:write" = "the agent's tools work on the workspace",
    ),
)]
mod handler {
    /// Has an agent answer a message, and waits for the answer.
    #[method(scope = write, name = "agent", tier = companion, timeout_ms = 3_600_000)]
    use crate::agent::agent;

    /// Waits for the end of a run.
    #[method(scope = write, name = "agent.wait", tier = companion, timeout_ms = 3_600_000)]
    use crate::wait::wait;

    /// Who an agent is to its users.
    #[method(scope = read, name = "agent.identity.get", tier = companion)]
    use crate::identity::identity;

    /// Hands an agent a message, and answers at once.
    #[method(scope = write, name = "chat.send", tier = companion)]
    use crate::send::send;

    /// Ends what runs in a session.
    #[method(scope = write, name = "chat.abort", tier = companion)]
    use crate::abort::abort;

    /// Hands the agent of a session a message, and answers at once.
    #[method(scope = write, name = "sessions.send", tier = companion)]
    use crate::send::send_to_session;

    /// Ends what runs in a session, or one run wherever it is.
    #[method(scope = write, name = "sessions.abort", tier = companion)]
    use crate::abort::abort_session;
}

#[cfg(test)]
mod tests;
