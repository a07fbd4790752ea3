//! Conversations: who talks where, with which settings, and what was said.
//!
//! - `row`: what is stored of a session; `store`: how it is read and changed.
//! - `transcript`: the append-only log behind it, in OpenClaw's JSONL lines.
//! - the other modules: one for each group of methods.

mod archive;
mod chat;
mod create;
mod end;
mod find;
mod list;
mod patch;
mod preview;
mod row;
mod store;
mod transcript;
mod usage;

openclaw_sdk::component! {
    /// The tenant's conversations and their transcripts.
    family: "sessions",
    events: ["sessions.changed", "chat"],
    methods: {
        /// Sessions, the most recently used first.
        "sessions.list" => list::list, scope: read, tier: core;
        /// The last messages of some sessions, shortened.
        "sessions.preview" => preview::preview, scope: read, tier: core;
        /// Makes a session, or answers the one there is.
        "sessions.create" => create::create, scope: write, tier: companion;
        /// The key of a session, found by its id or label.
        "sessions.resolve" => find::resolve, scope: read, tier: companion;
        /// Changes the settings of a session; null clears one.
        "sessions.patch" => patch::patch, scope: write, tier: companion;
        /// Begins a session anew, with its settings and an empty transcript.
        "sessions.reset" => end::reset, scope: write, tier: companion;
        /// Deletes a session.
        "sessions.delete" => end::delete, scope: write, tier: companion;
        /// Shortens a transcript to its newest lines.
        "sessions.compact" => end::compact, scope: write, tier: companion;
        /// Tokens used by sessions, in all and by day and model.
        "sessions.usage" => usage::usage, scope: read, tier: companion;
        /// The newest messages of a session.
        "chat.history" => chat::history, scope: read, tier: companion;
        /// Adds a message of the assistant to a transcript, without a run.
        "chat.inject" => chat::inject, scope: write, tier: companion;
    }
}
