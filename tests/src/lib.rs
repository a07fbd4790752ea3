//! The harness: a real daemon on a home of its own, and clients for every door
//! it has. What it offers is blocking, and waits on lines, sockets and exits,
//! never on the clock.
//!
//! A test that uses it fails by panicking, so these functions panic with all
//! that is known instead of returning errors.

#![allow(clippy::disallowed_methods, reason = "looks at homes from outside, as an attacker or an operator does")]

pub mod browser;
pub mod canary;
pub mod cli;
pub mod daemon;
pub mod discover;
pub mod golden;
pub mod home;
pub mod http;
pub mod redact;
pub mod rpc;
pub mod server;
pub mod socket;
pub mod terminal;

pub use browser::Browser;
pub use cli::Output;
pub use daemon::{Daemon, Failed};
pub use home::Home;
pub use http::{Connection, Request, Response};
pub use rpc::{Client, RpcError, Tenant};
pub use socket::{Event, Socket};
pub use terminal::Terminal;

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

/// No wait of the harness is meant to end by this: it turns a hang into a failure.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at what nothing announces: it paces the looks and decides nothing.
const PAUSE: Duration = Duration::from_millis(2);

/// Waits for what nothing announces.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// Tries until there is something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: it never came");
        thread::sleep(PAUSE);
    }
}

/// The workspace's folder.
#[must_use]
pub fn workspace() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().map(PathBuf::from).unwrap_or(tests)
}

/// The program under test: `target/release/openclaw`, or what `OPENCLAW_BIN` names.
#[must_use]
pub fn program() -> PathBuf {
    let built = || workspace().join("target/release/openclaw");
    let path = std::env::var_os("OPENCLAW_BIN").map_or_else(built, PathBuf::from);
    assert!(path.is_file(), "{} is missing: run `just build` first", path.display());
    path
}

/// Whether the long forms of the reliability tests are wanted.
#[must_use]
pub fn torture() -> bool {
    std::env::var_os("OPENCLAW_TORTURE").is_some_and(|value| value == "1")
}
