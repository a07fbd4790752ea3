//! Terminals of the tenant: a program in its sandbox, with a keyboard and a screen.
//!
//! `spawn` begins one, `known` finds one again, `screen` is what is done with it. What a terminal shows and how it ends
//! are events of the host's.

mod known;
mod screen;
mod spawn;

/// Interactive terminals in the tenant's sandbox.
#[openclaw_sdk::handler(family = "terminal", events("terminal.output", "terminal.exit"))]
mod handler {
    /// Starts a terminal; what it shows comes as the event terminal.output.
    #[method(scope = write, tier = core, timeout_ms = 60_000)]
    use crate::spawn::spawn;

    /// Types into a terminal.
    #[method(scope = write, tier = core)]
    use crate::screen::write;

    /// Changes a terminal's size.
    #[method(scope = write, tier = core)]
    use crate::screen::resize;

    /// Ends a terminal.
    #[method(scope = write, tier = core)]
    use crate::screen::close;

    /// The tenant's terminals.
    #[method(scope = read, tier = core)]
    use crate::known::list;

    /// What a terminal has shown, for who comes back to it.
    #[method(scope = read, tier = companion)]
    use crate::screen::attach;
}

#[cfg(test)]
mod tests;
