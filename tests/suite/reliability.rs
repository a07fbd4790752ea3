//! The short forms of R1, R2, R3, R4 and R7 of the targets; `OPENCLAW_TORTURE=1` makes them long.

mod canaries;
mod confinement;
mod damaged_cache;
mod guest_logs;
mod hostile;
mod kills;
mod liars;
mod malformed;
mod refused_components;
mod shared_documents;
mod swaps;

use std::path::PathBuf;

use openclaw_tests::{Daemon, workspace};

/// A component of the tests, as the build left it.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let path = workspace().join(format!("target/fixtures/{name}.wasm"));
    assert!(path.is_file(), "{} is missing: run `just components` first", path.display());
    path
}

/// A configuration that loads these fixtures with these grants.
pub(crate) fn config_with(fixtures: &[&str], grants: &str) -> String {
    let files: Vec<String> = fixtures.iter().map(|name| format!("{:?}", fixture(name))).collect();
    format!("components:\n  load: [{}]\n  grants: {{{grants}}}\n", files.join(", "))
}

/// What `hostile` asks for.
pub(crate) const HOSTILE_GRANTS: &str = "hostile: [config, secrets, secrets-reveal, usage, tenancy, \
    \"documents:sessions/sessions\", \"documents:sessions/archives:write\"]";

fn hostile_daemon(limits: &str) -> Daemon {
    Daemon::start_with(&(config_with(&["hostile", "sleeper"], HOSTILE_GRANTS) + limits))
}
