//! Terminals of the tenant: a program in its sandbox, with a keyboard and a screen.
//!
//! `spawn` begins one, `known` finds one again, `screen` is what is done with it, `shown` what it has shown, of
//! which `plain` makes text. A terminal has its agent as its note. What it shows and how it ends are events of the
//! host's.

mod known;
mod plain;
mod screen;
mod shown;
mod spawn;

/// Interactive terminals in the tenant's sandbox.
#[openclaw_sdk::handler(family = "terminal", events("terminal.output", "terminal.data", "terminal.exit"))]
mod handler {
    /// Starts a terminal; what it shows comes as the event terminal.output.
    #[method(scope = write, tier = core, timeout_ms = 60_000)]
    use crate::spawn::spawn;

    /// Starts a terminal as OpenClaw's clients do; what it shows comes as the event terminal.data.
    #[method(scope = write, tier = companion, timeout_ms = 60_000)]
    use crate::spawn::open;

    /// Types into a terminal.
    #[method(scope = write, tier = core)]
    use crate::screen::write;

    /// Types into a terminal as OpenClaw's clients do.
    #[method(scope = write, tier = companion)]
    use crate::screen::input;

    /// Changes a terminal's size.
    #[method(scope = write, tier = core)]
    use crate::screen::resize;

    /// Ends a terminal.
    #[method(scope = write, tier = core)]
    use crate::screen::close;

    /// The tenant's terminals; everyone's for the operator.
    #[method(scope = read, tier = core)]
    use crate::known::list;

    /// What a terminal has shown, for who comes back to it; what it shows then comes as the event terminal.data too.
    #[method(scope = read, tier = companion)]
    use crate::shown::attach;

    /// What a terminal has shown, as plain text.
    #[method(scope = read, tier = companion)]
    use crate::shown::text;
}

#[cfg(test)]
mod tests;
