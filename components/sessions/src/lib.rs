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

/// The tenant's conversations and their transcripts.
#[openclaw_sdk::handler(
    family = "sessions",
    events("sessions.changed", "chat"),
    capabilities("method:sessions.send" = "hands a new session its first message")
)]
mod handler {
    /// Sessions, the most recently used first.
    #[method(scope = read, tier = core)]
    use crate::list::list;

    /// The last messages of some sessions, shortened.
    #[method(scope = read, tier = core)]
    use crate::preview::preview;

    /// Makes a session, or answers the one there is.
    #[method(scope = write, tier = companion)]
    use crate::create::create;

    /// The key of a session, found by its id or label.
    #[method(scope = read, tier = companion)]
    use crate::find::resolve;

    /// Changes the settings of a session; null clears one.
    #[method(scope = write, tier = companion)]
    use crate::patch::patch;

    /// Begins a session anew, with its settings and an empty transcript.
    #[method(scope = write, tier = companion)]
    use crate::end::reset;

    /// Deletes a session.
    #[method(scope = write, tier = companion)]
    use crate::end::delete;

    /// Shortens a transcript to its newest lines.
    #[method(scope = write, tier = companion)]
    use crate::end::compact;

    /// Tokens used by sessions, in all and by day and model.
    #[method(scope = read, tier = companion)]
    use crate::usage::usage;

    /// The newest messages of a session.
    #[method(scope = read, name = "chat.history", tier = companion)]
    use crate::chat::history;

    /// Adds a message of the assistant to a transcript, without a run.
    #[method(scope = write, name = "chat.inject", tier = companion)]
    use crate::chat::inject;
}
