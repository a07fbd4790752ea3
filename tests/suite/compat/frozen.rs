//! The components of each release, byte by byte as they were built then, answer as they did.
//!
//! A release adds its own: `target/fixtures/{echo,frozen}.wasm`, the package and `sha256sum *.wasm`.

use std::{collections::BTreeMap, fs, path::Path};

use openclaw_tests::Daemon;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::releases;

#[test]
fn nobody_has_touched_them() {
    for release in releases() {
        let listed = fs::read_to_string(release.join("SHA256SUMS")).expect("the digests");
        let listed: BTreeMap<String, String> = listed
            .lines()
            .map(|line| line.split_once("  ").expect("a digest and a name"))
            .map(|(digest, name)| (name.to_owned(), digest.to_owned()))
            .collect();
        assert_eq!(digests(&release), listed, "{}", release.display());
    }
}

fn digests(release: &Path) -> BTreeMap<String, String> {
    let files = openclaw_tests::home::files_below(release);
    let components = files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "wasm"));
    let digest = |file: &Path| hex::encode(Sha256::digest(fs::read(release.join(file)).expect("a component")));
    components.map(|file| (file.to_str().expect("a name").to_owned(), digest(file))).collect()
}

fn daemon_with(component: &Path) -> Daemon {
    Daemon::start_with(&format!("components: {{load: [{component:?}], grants: {{frozen: [config]}}}}\n"))
}

#[test]
fn echo_answers() {
    for release in releases() {
        let daemon = daemon_with(&release.join("echo.wasm"));
        let a = daemon.tenant("a");
        assert_eq!(a.ok("echo00.text", json!({ "text": "še 🦞" })), json!({ "text": "še 🦞" }));
        assert_eq!(a.err("echo00.text", json!({})).code, -32602);
    }
}

#[test]
fn frozen_keeps_what_it_is_given() {
    for release in releases() {
        let daemon = daemon_with(&release.join("frozen.wasm"));
        let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
        let mut socket = a.socket();
        socket.subscribe(None);
        b.done("frozen.keep", json!({ "text": "b's own" }));
        a.done("frozen.keep", json!({ "text": "first" }));
        let kept = a.ok("frozen.keep", json!({ "text": "second" }));
        assert_eq!(kept["tenant"], "a", "{kept}");
        assert_eq!(kept["documents"], json!(["first", "second"]), "{kept}");
        assert_eq!(kept["logLength"], 2, "{kept}");
        assert_eq!(kept["file"], "second", "{kept}");
        assert_eq!(kept["hasConfig"], true, "{kept}");
        assert!(kept["atMs"].as_u64().is_some_and(|ms| ms > 1_700_000_000_000), "{kept}");
        let event = socket.event_named("frozen.kept");
        assert_eq!(event.payload, "first", "{event:?}");
    }
}
