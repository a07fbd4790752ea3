//! Where in a guest a trap happened, for the log: one line, by the names of functions.
//!
//! The names are the component's own (its `name` section), so they are not believed to be short or
//! printable. Nothing here runs before a call has failed.

use std::fmt::{self, Display, Formatter};

use wasmtime::{FrameInfo, WasmBacktrace};

/// wasmtime keeps no more either.
const FRAMES: usize = 20;

/// Of one function's name; generic ones have no end.
const NAME_CHARACTERS: usize = 160;

/// A trap's cause, and the frames that led to it, innermost first.
pub(crate) fn describe(trap: &wasmtime::Error) -> String {
    let Some(backtrace) = trap.downcast_ref::<WasmBacktrace>().filter(|backtrace| !backtrace.frames().is_empty())
    else {
        return format!("{trap:#}");
    };
    let frames: Vec<String> = backtrace.frames().iter().take(FRAMES).map(|frame| Frame(frame).to_string()).collect();
    format!("{}, in {}", trap.root_cause(), frames.join(" < "))
}

struct Frame<'a>(&'a FrameInfo);

impl Display for Frame<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.func_name() {
            Some(name) => f.write_str(&readable(name)),
            None => write!(f, "function {}", self.0.func_index()),
        }
    }
}

/// A function's name as its author wrote it: without mangling and hash.
fn readable(name: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(name));
    let mut characters = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut readable: String = characters.by_ref().take(NAME_CHARACTERS).collect();
    if characters.next().is_some() {
        readable.push('…');
    }
    readable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_its_author_wrote() {
        assert_eq!(readable("_ZN15fixture_hostile6limits4trap17h0123456789abcdefE"), "fixture_hostile::limits::trap");
        assert_eq!(readable("handle#cabi"), "handle#cabi");
    }

    #[test]
    fn a_name_forges_no_line_and_has_an_end() {
        assert_eq!(readable("a\n\u{1b}[31mforged"), "a\u{fffd}\u{fffd}[31mforged");
        assert_eq!(readable(&"x".repeat(100_000)).chars().count(), NAME_CHARACTERS + 1);
    }
}
