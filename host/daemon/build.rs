//! Embeds the built components, the SDK that `components new` hands on, and what the build knows of itself.
//!
//! `OPENCLAW_COMPONENTS_DIR` names another directory than `target/components`;
//! `OPENCLAW_COMMIT` another commit than the one that is checked out.

#![allow(clippy::print_stdout, reason = "how a build script talks to cargo")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

fn main() {
    let workspace = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    if let Err(message) = embed(&workspace).and_then(|()| embed_sdk(&workspace)) {
        println!("cargo::error={message}");
    }
    println!("cargo::rustc-env=OPENCLAW_COMMIT={}", commit(&workspace));
    println!("cargo::rustc-env=OPENCLAW_WASMTIME={}", locked_version(&workspace, "wasmtime"));
}

/// Writes `components.rs`: pairs of a family and the bytes of its component.
#[allow(clippy::disallowed_methods, reason = "the build's own files")]
fn embed(workspace: &Path) -> Result<(), String> {
    println!("cargo::rerun-if-env-changed=OPENCLAW_COMPONENTS_DIR");
    let directory =
        env::var_os("OPENCLAW_COMPONENTS_DIR").map_or_else(|| workspace.join("target/components"), PathBuf::from);
    println!("cargo::rerun-if-changed={}", directory.display());
    let missing = || format!("no components in {}: run `just components` first", directory.display());
    let files = components(&directory).map_err(|error| format!("{}: {error}", missing()))?;
    if files.is_empty() {
        return Err(missing());
    }
    let mut table = String::from("&[\n");
    for (family, path) in files {
        println!("cargo::rerun-if-changed={}", path.display());
        // Writing to a String does not fail.
        let _ = writeln!(table, "    ({family:?}, include_bytes!({path:?})),");
    }
    table.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo gave no OUT_DIR")?);
    fs::write(out.join("components.rs"), table).map_err(|error| error.to_string())
}

/// Writes `sdk.rs`: pairs of a path in this repository and its text, of all that `components new` makes projects of.
#[allow(clippy::disallowed_methods, reason = "the build's own files")]
fn embed_sdk(workspace: &Path) -> Result<(), String> {
    let mut paths = ["Cargo.lock", "Cargo.toml", "sdk/Cargo.toml"].map(PathBuf::from).to_vec();
    for directory in ["sdk/src", "sdk/macros", "sdk/templates", "wit"] {
        println!("cargo::rerun-if-changed={}", workspace.join(directory).display());
        files_below(workspace, Path::new(directory), &mut paths).map_err(|error| format!("{directory}: {error}"))?;
    }
    paths.sort();
    let mut table = String::from("&[\n");
    for path in paths {
        let file = workspace.join(&path);
        println!("cargo::rerun-if-changed={}", file.display());
        // Writing to a String does not fail.
        let _ = writeln!(table, "    ({path:?}, include_str!({file:?})),");
    }
    table.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo gave no OUT_DIR")?);
    fs::write(out.join("sdk.rs"), table).map_err(|error| error.to_string())
}

#[allow(clippy::disallowed_methods, reason = "the build's own files")]
fn files_below(workspace: &Path, directory: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(workspace.join(directory))? {
        let entry = entry?;
        let path = directory.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files_below(workspace, &path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

/// The `.wasm` files by family, in order.
#[allow(clippy::disallowed_methods, reason = "the build's own files")]
fn components(directory: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = fs::canonicalize(entry?.path())?;
        let is_component = path.extension().is_some_and(|extension| extension == "wasm");
        if let Some(family) = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| is_component) {
            files.push((family.to_owned(), path));
        }
    }
    files.sort();
    Ok(files)
}

/// The commit, where there is one; empty where nobody can tell.
#[allow(clippy::disallowed_methods, reason = "the build's own files")]
fn commit(workspace: &Path) -> String {
    println!("cargo::rerun-if-env-changed=OPENCLAW_COMMIT");
    if let Ok(commit) = env::var("OPENCLAW_COMMIT") {
        return commit;
    }
    // Grows with every commit and checkout. A path that is missing would run this script every time.
    let moves = workspace.join(".git/logs/HEAD");
    if moves.exists() {
        println!("cargo::rerun-if-changed={}", moves.display());
    }
    let git = Command::new("git").arg("-C").arg(workspace).args(["rev-parse", "--short=12", "HEAD"]).output();
    match git {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => String::new(),
    }
}

/// The version of a package in the lock file.
#[allow(clippy::disallowed_methods, reason = "the build's own files")]
fn locked_version(workspace: &Path, package: &str) -> String {
    let lock = workspace.join("Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = fs::read_to_string(lock).unwrap_or_default();
    let name = format!("name = \"{package}\"");
    let version = text.lines().skip_while(|line| *line != name).find_map(|line| line.strip_prefix("version = "));
    version.map_or_else(|| "unknown".to_owned(), |version| version.trim_matches('"').to_owned())
}
