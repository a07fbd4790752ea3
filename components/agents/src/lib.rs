//! The tenant's agents: who they are (in `agents.list` of its configuration) and
//! the files that shape them (in `agents/<agentId>/`).
//!
//! - `names`: ids and file names; `roster`: reading and changing the list;
//!   `sessions`: the conversations that go with an agent.
//! - `manage` and `files`: the methods.

mod files;
mod manage;
mod names;
mod roster;
mod sessions;

openclaw_sdk::component! {
    /// The tenant's agents and their files.
    family: "agents",
    shared_documents: [
        ("sessions", "sessions", write),
        ("sessions", "session-details", write),
        ("sessions", "archives", write),
        ("sessions", "transcript", write),
        ("sessions", "archive", write),
    ],
    methods: {
        /// The agents; `main` is always one of them.
        "agents.list" => manage::list, scope: read, tier: core;
        /// Makes an agent; its id follows from its name.
        "agents.create" => manage::create, scope: write, tier: core;
        /// Changes an agent's name, model or avatar.
        "agents.update" => manage::update, scope: write, tier: core;
        /// Deletes an agent, its bindings, its sessions and, unless told otherwise, its files.
        "agents.delete" => manage::delete, scope: write, tier: core;
        /// The files that shape an agent, those that are missing too.
        "agents.files.list" => files::list, scope: read, tier: core;
        /// One file of an agent with its content.
        "agents.files.get" => files::get, scope: read, tier: core;
        /// Replaces one file of an agent.
        "agents.files.set" => files::set, scope: write, tier: core;
    }
}
