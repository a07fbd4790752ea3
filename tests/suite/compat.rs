//! What was built against a released contract goes on working: `tests/compat/<version>/` holds each
//! release as it went out.
//!
//! - `wit/`: the released package. [`wit`] refuses every change to the present one but additions.
//! - `*.wasm` and `SHA256SUMS`: components as their authors built them then, which [`frozen`] runs.

mod frozen;
mod surface;
mod wit;

use std::path::PathBuf;

use openclaw_tests::workspace;

/// The releases that the present contract must still serve.
fn releases() -> Vec<PathBuf> {
    let folder = workspace().join("tests/compat");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut releases: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    releases.sort();
    assert!(!releases.is_empty(), "{} holds no release", folder.display());
    releases
}
