//! Components of an OCI registry: one of a few lines, with one name for whoever says it.

use std::{collections::HashMap, sync::Mutex};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openclaw_tests::{Output, cli::Cli};
use tempfile::TempDir;

use crate::contract::*;

use super::{
    GRANTS, answers,
    by_url::{VOUCHED, trusting},
    fetch::{Answer, Asked, NEAR, Site, digest, empty, found},
    swap,
};

const NAME: &str = "acme";
const PASSWORD: &str = "open-sesame";

/// A registry that keeps what is pushed. Whoever pushes says a name and a password.
fn registry() -> Site {
    let kept: Mutex<HashMap<String, Vec<u8>>> = Mutex::default();
    Site::serving(move |asked| answer(&mut kept.lock().expect("nobody panics"), asked))
}

fn answer(kept: &mut HashMap<String, Vec<u8>>, asked: &Asked) -> Answer {
    let path = asked.path.strip_prefix("/v2/").expect("version 2");
    let login = format!("Basic {}", STANDARD.encode(format!("{NAME}:{PASSWORD}")));
    let refused = || empty("401 Unauthorized", "WWW-Authenticate: Basic realm=\"registry\"\r\n");
    match (asked.method.as_str(), path.split_once('?').unwrap_or((path, ""))) {
        ("GET" | "HEAD", ("", _)) => refused(),
        ("GET", (path, _)) if path.contains("huge/") => found(vec![b' '; 70 << 20]),
        ("GET", (path, _)) if path.contains("elsewhere/") => {
            empty("307 Temporary Redirect", "Location: http://localhost/v2/x/manifests/1\r\n")
        }
        ("GET", (path, _)) => match kept.get(path) {
            Some(body) if path.contains("/manifests/") => {
                let (head, body) = found(body.clone());
                (format!("{head}\r\nContent-Type: application/vnd.oci.image.manifest.v1+json"), body)
            }
            Some(body) => found(body.clone()),
            None => empty("404 Not Found", ""),
        },
        _ if !asked.head.contains(&login) => refused(),
        ("POST", (path, _)) => {
            kept.insert(path.into(), Vec::new());
            empty("202 Accepted", &format!("Location: /v2/{path}\r\n"))
        }
        ("PATCH", (path, _)) => {
            kept.get_mut(path).expect("an upload").extend(&asked.body);
            empty("202 Accepted", &format!("Location: /v2/{path}\r\n"))
        }
        ("PUT", (path, query)) => {
            let (place, body) = match query.strip_prefix("digest=") {
                Some(digest) => {
                    let mut body = kept.remove(path).expect("an upload");
                    body.extend(&asked.body);
                    (path.replace("uploads/", &digest.replace("%3A", ":")), body)
                }
                None => (path.to_owned(), asked.body.clone()),
            };
            let location = format!("Location: /v2/{place}\r\nDocker-Content-Digest: {}\r\n", digest(&body));
            kept.insert(place, body);
            empty("201 Created", &location)
        }
        (method, _) => panic!("{method} {}", asked.path),
    }
}

fn address(site: &Site, name: &str) -> String {
    format!("oci://localhost:{}/{name}", site.port)
}

/// `components publish` of a version of the fixture, from a folder with a key and a password.
fn publish(site: &Site, folder: &TempDir, version: &str, address: &str, arguments: &[&str]) -> Output {
    std::fs::write(folder.path().join("swap.wasm"), swap(version)).expect("it is written");
    std::fs::write(folder.path().join("password"), format!("{PASSWORD}\n")).expect("it is written");
    let verb = ["components", "publish", "swap.wasm", address, NEAR];
    site.trusted(Cli::bare(&[&verb, arguments].concat())).within(folder.path()).run()
}

const LOGIN: [&str; 4] = ["--username", NAME, "--password-file", "password"];

#[test]
fn a_component_that_was_published_is_installed() {
    let (site, folder, daemon) = (registry(), TempDir::new().expect("a folder"), Daemon::start());
    let (a, address) = (daemon.tenant("a"), address(&site, "acme/swap:1.0.0"));
    let published = publish(&site, &folder, "ok00001", &address, &LOGIN).exited(0);
    let digest = digest(&swap("ok00001"));
    assert!(published.stdout.contains(&digest), "{}", published.stdout);
    site.install(&daemon, &address, &["--digest", &digest, NEAR]).exited(0);
    assert_eq!(answers(&a), "ok00001");
    let unnamed = site.install(&daemon, &address, &[NEAR]).exited(2);
    assert!(unnamed.stderr.contains("--digest"), "{}", unnamed.stderr);
    publish(&site, &folder, "ok00002", &address, &LOGIN).exited(0);
    let moved = site.install(&daemon, &address, &["--digest", &digest, NEAR]).exited(1);
    assert!(moved.stderr.contains("was expected"), "{}", moved.stderr);
    let none = site.install(&daemon, &address.replace("1.0.0", "2.0.0"), &["--digest", &digest, NEAR]).exited(3);
    assert!(none.stderr.contains("no such component"), "{}", none.stderr);
    assert_eq!(answers(&a), "ok00001");
}

#[test]
fn a_signature_is_published_with_its_component() {
    let (site, folder, daemon) = (registry(), TempDir::new().expect("a folder"), Daemon::start());
    let (a, address) = (daemon.tenant("a"), address(&site, "acme/swap:1.0.0"));
    let run = |arguments: &[&str]| Cli::bare(arguments).within(folder.path()).run().exited(0);
    run(&["components", "keygen", "--no-password"]);
    std::fs::write(folder.path().join("swap.wasm"), swap("ok00001")).expect("it is written");
    run(&["components", "sign", "swap.wasm", "--key", "minisign.key"]);
    publish(&site, &folder, "ok00001", &address, &LOGIN).exited(0);
    let key = folder.path().join("minisign.pub").display().to_string();
    site.install(&daemon, &address, &["--key", &key, NEAR]).exited(0);
    assert_eq!(answers(&a), "ok00001");
    // The signature of the file that was there before goes along.
    publish(&site, &folder, "ok00002", &address, &LOGIN).exited(0);
    let refused = site.install(&daemon, &address, &["--key", &key, NEAR]).exited(1);
    assert!(refused.stderr.contains("is not valid"), "{}", refused.stderr);
}

#[test]
fn a_registry_is_reached_where_it_may_be_and_by_who_may() {
    let (site, folder, daemon) = (registry(), TempDir::new().expect("a folder"), Daemon::start());
    let _a = daemon.tenant("a");
    let (address, digest) = (address(&site, "acme/swap:1.0.0"), digest(&swap("ok00001")));
    let refused = site.install(&daemon, &address, &["--digest", &digest]).exited(1);
    assert!(refused.stderr.contains("private, local or reserved"), "{}", refused.stderr);
    let refused = publish(&site, &folder, "ok00001", &address, &[]).exited(4);
    assert!(refused.stderr.contains("--username"), "{}", refused.stderr);
    let plain = self::address(&site, "elsewhere/swap:1.0.0");
    let refused = site.install(&daemon, &plain, &["--digest", &digest, NEAR]);
    assert_ne!(refused.code, 0, "nothing goes by plain HTTP");
    let huge = self::address(&site, "huge/swap:1.0.0");
    let refused = site.install(&daemon, &huge, &["--digest", &digest, NEAR]).exited(1);
    assert!(refused.stderr.contains("is larger than"), "{}", refused.stderr);
    let refused = site.install(&daemon, "oci://swap", &["--digest", &digest, NEAR]).exited(2);
    assert!(refused.stderr.contains("names no registry"), "{}", refused.stderr);
}

#[test]
fn the_gateway_pulls_a_component_itself() {
    let (site, folder) = (registry(), TempDir::new().expect("a folder"));
    let address = address(&site, "acme/swap:1.0.0");
    publish(&site, &folder, "ok00001", &address, &LOGIN).exited(0);
    let daemon = trusting(&site, VOUCHED);
    let a = daemon.tenant("a");
    let by = |digest: &str| json!({ "url": address, "expectDigest": digest, "grants": GRANTS });
    daemon.operator_for("a").done("components.install", by(&digest(&swap("ok00001"))));
    assert_eq!(answers(&a), "ok00001");
    let error = daemon.operator_for("a").err("components.install", by(&digest(b"another")));
    assert!(error.message.contains("was expected"), "{error}");
    let params = json!({ "url": address, "expectDigest": digest(&swap("ok00001")) });
    let error = a.err("components.install", params);
    assert!(error.name() == "FORBIDDEN" && error.message.contains("private, local or reserved"), "{error}");
}
