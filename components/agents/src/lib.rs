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

/// The tenant's agents and their files.
#[openclaw_sdk::handler(
    family = "agents",
    shared_documents(
        "sessions/sessions:write",
        "sessions/session-details:write",
        "sessions/archives:write",
        "sessions/transcript:write",
        "sessions/archive:write",
    ),
    capabilities("method:memory.delete" = "what an agent remembers goes with it"),
)]
mod handler {
    /// The agents; `main` is always one of them.
    #[method(scope = read, tier = core)]
    use crate::manage::list;

    /// Makes an agent; its id follows from its name.
    #[method(scope = write, tier = core)]
    use crate::manage::create;

    /// Changes an agent's name, model or avatar.
    #[method(scope = write, tier = core)]
    use crate::manage::update;

    /// Deletes an agent, its bindings, its sessions, its memory and, unless told otherwise, its files.
    #[method(scope = write, tier = core)]
    use crate::manage::delete;

    /// The files that shape an agent, those that are missing too.
    #[method(scope = read, name = "agents.files.list", tier = core)]
    use crate::files::list as list_files;

    /// One file of an agent with its content.
    #[method(scope = read, name = "agents.files.get", tier = core)]
    use crate::files::get as get_file;

    /// Replaces one file of an agent.
    #[method(scope = write, name = "agents.files.set", tier = core)]
    use crate::files::set as set_file;
}
