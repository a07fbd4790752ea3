//! What an agent remembers: Markdown, cut into chunks and found again by meaning and by words.
//!
//! An agent's memory is an index of its own, by its id; nothing is searched across agents. Beside it the documents of
//! the family say which files are in it.
//!
//! - `memory`: one agent's, opened; `model`: what its vectors are made by; `files`: the rows of its files; `sources`:
//!   where their texts come from.
//! - `sync`: what has changed is indexed again; `entry`: one file, from its text to its items; `chunk`: a text in
//!   pieces.
//! - `search`, `index`, `put`, `delete`, `status`: the methods.

mod chunk;
mod delete;
mod entry;
mod files;
mod index;
mod memory;
mod model;
mod put;
mod search;
mod sources;
mod status;
mod sync;

/// What the tenant's agents remember.
#[openclaw_sdk::handler(
    family = "memory",
    capabilities(
        "method:agents.files.get" = "an agent's MEMORY.md is part of its memory",
        "method:agents.files.list" = "an agent's MEMORY.md is part of its memory",
        "directory:workspace" = "so are the Markdown files in the workspace's memory/",
    ),
)]
mod handler {
    /// What an agent remembers of something, the nearest first.
    #[method(scope = read, tier = companion, timeout_ms = 60_000)]
    use crate::search::search;

    /// Indexes what has changed of an agent's files; what is too much for one call goes on behind it.
    #[method(scope = write, tier = companion, timeout_ms = 600_000)]
    use crate::index::index;

    /// Remembers a text under a path, in the place of what was there.
    #[method(scope = write, tier = companion, timeout_ms = 60_000)]
    use crate::put::put;

    /// Forgets what is under a path; everything of the agent's where that is ".".
    #[method(scope = write, tier = companion, timeout_ms = 60_000)]
    use crate::delete::delete;

    /// How much an agent remembers, and whether files have changed since.
    #[method(scope = read, tier = companion)]
    use crate::status::status;
}

#[cfg(test)]
mod tests;
