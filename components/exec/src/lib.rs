//! Whether a command may be run: somebody is asked, somebody answers, and who asked waits for that.
//!
//! - `request`: asks, and waits; `place`: how many calls do; `resolve`: answers; `approvals`: what is asked and what was decided, kept between the
//!   two.
//! - `file`: the commands that are allowed for good, and the rules beside the configuration's; `manage`: seeing and
//!   replacing that.
//! - `question`: what is asked about, as people read it; `text`: what of a text people would not see.
//!
//! A model asks, by the tool `exec` of the family `chat`, and never answers: the methods that do are of the scope
//! `approvals`, and granted to none of our components.

mod approvals;
mod file;
mod manage;
mod place;
mod question;
mod request;
mod resolve;
mod text;

/// Approvals of commands.
#[openclaw_sdk::handler(family = "exec", events("exec.approval.requested", "exec.approval.resolved"))]
mod handler {
    /// Asks whether a command may be run, and waits for the answer; null where nobody gives one.
    #[method(scope = write, name = "exec.approval.request", tier = companion, timeout_ms = 3_600_000)]
    use crate::request::request;

    /// Answers about a command that waits to be run.
    #[method(scope = approvals, name = "exec.approval.resolve", tier = companion)]
    use crate::resolve::resolve;

    /// The commands that nobody is asked about any more, and the rules for commands beside the configuration's; what
    /// waits for an answer.
    #[method(scope = read, name = "exec.approvals.get", tier = companion)]
    use crate::manage::get;

    /// Replaces the commands that nobody is asked about any more, and the rules.
    #[method(scope = approvals, name = "exec.approvals.set", tier = companion)]
    use crate::manage::set;
}

#[cfg(test)]
mod tests;
