//! Components that are installed, swapped and rolled back while the gateway runs.
//!
//! The fixture `swap` tells its version; another version of it is the same file
//! with other letters in it.

mod by_url;
mod canary;
mod compiling;
mod fetch;
mod fixtures;
mod grants;
mod install;
mod layers;
mod migrate;
mod nested;
mod outbound;
mod registry;
mod restart;
mod rollback;
mod sticky;
mod tasks;
mod token_ends;
mod upload;
mod workspace;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::contract::*;

/// What the fixture asks for.
pub(crate) const GRANTS: [&str; 2] = ["config", "secret:key:reveal"];

/// A file of the build.
pub(crate) fn built(path: &str) -> Vec<u8> {
    let path = openclaw_tests::workspace().join("target").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run `just components` first", path.display()))
}

/// A file with other letters, of the same number, wherever a text stands in it.
pub(crate) fn with_text(mut wasm: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "nothing may move");
    let places: Vec<usize> =
        (0..=wasm.len() - from.len()).filter(|at| wasm[*at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "{from} is not in it");
    places.iter().for_each(|at| wasm[*at..*at + to.len()].copy_from_slice(to.as_bytes()));
    wasm
}

/// The version of the fixture that says so: seven letters. One with `trap` in it fails.
pub(crate) fn swap(version: &str) -> Vec<u8> {
    with_text(built("fixtures/swap.wasm"), "swap-version-ok00000", &format!("swap-version-{version}"))
}

/// The same component, larger by a custom section of so many bytes.
pub(crate) fn padded(mut wasm: Vec<u8>, bytes: usize) -> Vec<u8> {
    let (name, mut size) = (b"\x07padding", bytes + 8);
    wasm.push(0);
    while size >= 0x80 {
        wasm.push(u8::try_from(size & 0x7f).expect("seven bits") | 0x80);
        size >>= 7;
    }
    wasm.push(u8::try_from(size).expect("seven bits"));
    wasm.extend_from_slice(name);
    wasm.resize(wasm.len() + bytes, 0);
    wasm
}

/// The parameters that install a file.
pub(crate) fn params(wasm: &[u8], more: Value) -> Value {
    let mut params = json!({ "wasm": STANDARD.encode(wasm) });
    let members = more.as_object().expect("an object").clone();
    params.as_object_mut().expect("an object").extend(members);
    params
}

/// Installs a version of the fixture with all that it asks for; answers its row.
pub(crate) fn install(client: &Client, version: &str) -> Value {
    client.ok("components.install", params(&swap(version), json!({ "grants": GRANTS })))
}

/// Which version answers.
#[track_caller]
pub(crate) fn answers(client: &Client) -> String {
    let answer = client.ok("swap.version", json!({}));
    assert_eq!(answer["first"], answer["second"], "one call, one version");
    answer["first"].as_str().and_then(|text| text.strip_prefix("swap-version-")).expect("a version").to_owned()
}

/// `(version's digest, state)` of the stored versions of a family, as they are listed.
fn states(client: &Client, family: &str) -> Vec<(String, String)> {
    let list = client.ok("components.list", json!({}));
    let rows = list["components"].as_array().expect("components").iter().filter(|row| row["family"] == family);
    let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
    rows.map(|row| (text(row, "digest"), text(row, "state"))).collect()
}
