//! Components that the gateway itself fetches, because `components.install` names their address.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use openclaw_tests::cli::Cli;
use tempfile::TempDir;

use crate::contract::*;

use super::{
    GRANTS, answers,
    fetch::{Site, digest, empty, found},
    swap,
};

/// A gateway whose operator vouches for one of this machine's addresses, and whose tenants install for themselves.
pub(super) const VOUCHED: &str = "components:\n  self_service: true\n  http: {private_addresses: [127.0.0.1]}\n";

/// A gateway on a machine that trusts this site.
pub(super) fn trusting(site: &Site, config: &str) -> Daemon {
    let certificate = site.certificate();
    let started = Daemon::start_as(Home::with_config(config), |command| {
        command.env("SSL_CERT_FILE", certificate).args(["--listen", "127.0.0.1:0"])
    });
    started.unwrap_or_else(|failed| panic!("the daemon did not start: {failed}"))
}

fn by(url: &str, digest: &str) -> Value {
    json!({ "url": url, "expectDigest": digest, "grants": GRANTS })
}

#[test]
fn the_operator_names_an_address_and_a_digest() {
    let wasm = swap("ok00001");
    let digest = digest(&wasm);
    let site = Site::with(vec![("/secret-path/swap.wasm", wasm), ("/other.wasm", swap("ok00002"))]);
    let daemon = trusting(&site, VOUCHED);
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    let row = operator.ok("components.install", by(&site.url("/secret-path/swap.wasm"), &digest));
    assert_eq!(row["digest"], json!(digest));
    assert_eq!(answers(&a), "ok00001");

    let error = operator.err("components.install", by(&site.url("/other.wasm"), &digest));
    assert!(error.message.contains("was expected"), "{error}");
    let error = operator.err("components.install", by(&site.url("/none.wasm"), &digest));
    assert_eq!(error.name(), "NOT_FOUND", "{error}");
    let unpinned = json!({ "url": site.url("/other.wasm"), "grants": GRANTS });
    let error = operator.err("components.install", unpinned);
    assert!(error.name() == "INVALID_REQUEST" && error.message.contains("expectDigest"), "{error}");
    assert_eq!(answers(&a), "ok00001");

    let audit = fs::read_to_string(daemon.home().path().join("audit.jsonl")).expect("the audit log");
    let fetches: Vec<&str> = audit.lines().filter(|line| line.contains("components.fetch")).collect();
    assert_eq!(fetches.len(), 3, "who was asked is written down: {audit}");
    assert!(fetches.iter().all(|line| line.contains("localhost:") && !line.contains("secret-path")), "{fetches:?}");
}

#[test]
fn a_tenants_address_leads_to_the_public_internet_alone() {
    let wasm = swap("ok00001");
    let digest = digest(&wasm);
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let site = Site::serving(move |_| {
        counter.fetch_add(1, SeqCst);
        found(wasm.clone())
    });
    let daemon = trusting(&site, VOUCHED);
    let a = daemon.tenant("a");
    let port = site.port;
    for host in ["localhost", "127.0.0.1", "127.1", "[::ffff:127.0.0.1]", "169.254.169.254", "[fd00:ec2::254]"] {
        let url = format!("https://{host}:{port}/swap.wasm");
        let error = a.err("components.install", json!({ "url": url, "expectDigest": digest }));
        assert!(error.name() == "FORBIDDEN" && error.message.contains("private, local or reserved"), "{host}: {error}");
    }
    for url in ["http://example.com/a.wasm", "file:///etc/passwd", "https://name:word@example.com/a.wasm", "oci://swap"]
    {
        let error = a.err("components.install", json!({ "url": url, "expectDigest": digest }));
        assert_eq!(error.name(), "INVALID_REQUEST", "{url}: {error}");
    }
    assert_eq!(asked.load(SeqCst), 0, "nobody was asked");
    let two = json!({ "url": site.url("/swap.wasm"), "wasm": "", "expectDigest": digest });
    assert_eq!(a.err("components.install", two).name(), "INVALID_REQUEST", "one way at a time");
}

#[test]
fn redirects_and_sizes_are_bounded_whoever_asks() {
    let wasm = swap("ok00001");
    let digest = digest(&wasm);
    let redirect = |to: &str| empty("302 Found", &format!("Location: {to}\r\n"));
    let site = Site::serving(move |asked| match asked.path.as_str() {
        "/once" => redirect("/swap.wasm"),
        "/round" => redirect("/round"),
        "/plain" => redirect("http://localhost/swap.wasm"),
        "/home" => redirect("https://127.0.0.2/swap.wasm"),
        "/metadata" => redirect("https://169.254.169.254/latest"),
        "/says" => ("HTTP/1.1 200 OK\r\nContent-Length: 68000000000".into(), Vec::new()),
        _ => found(wasm.clone()),
    });
    let daemon = trusting(&site, VOUCHED);
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    for (path, why) in [
        ("/round", "more than 5 times"),
        ("/plain", "no HTTPS URL"),
        ("/home", "private, local or reserved"),
        ("/metadata", "private, local or reserved"),
        ("/says", "is larger than"),
    ] {
        let error = operator.err("components.install", by(&site.url(path), &digest));
        assert!(error.name() == "FORBIDDEN" && error.message.contains(why), "{path}: {error}");
    }
    operator.done("components.install", by(&site.url("/once"), &digest));
    assert_eq!(answers(&a), "ok00001");
}

#[test]
fn where_keys_are_trusted_the_signature_is_fetched_too() {
    let folder = TempDir::new().expect("a folder");
    let run = |arguments: &[&str]| Cli::bare(arguments).within(folder.path()).run().exited(0);
    run(&["components", "keygen", "--no-password"]);
    fs::write(folder.path().join("swap.wasm"), swap("ok00001")).expect("it is written");
    run(&["components", "sign", "swap.wasm", "--key", "minisign.key"]);
    let signature = fs::read(folder.path().join("swap.wasm.minisig")).expect("a signature");
    let site = Site::with(vec![
        ("/swap.wasm", swap("ok00001")),
        ("/swap.wasm.minisig", signature.clone()),
        ("/other.wasm", swap("ok00002")),
        ("/other.wasm.minisig", signature),
    ]);
    let key = fs::read_to_string(folder.path().join("minisign.pub")).expect("a key");
    let key = key.lines().nth(1).expect("the line of base64");
    let daemon = trusting(&site, &format!("{VOUCHED}  trusted_keys: [\"{key}\"]\n"));
    let a = daemon.tenant("a");
    let operator = daemon.operator_for("a");
    let by = |path: &str| json!({ "url": site.url(path), "grants": GRANTS });
    operator.done("components.install", by("/swap.wasm"));
    assert_eq!(answers(&a), "ok00001");
    let error = operator.err("components.install", by("/other.wasm"));
    assert_eq!(error.name(), "FORBIDDEN", "{error}");
    assert_eq!(answers(&a), "ok00001");
}
