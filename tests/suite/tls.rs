//! `gateway.tls`: the listener speaks TLS with the operator's certificate, and nothing else.

use std::{fs, path::PathBuf};

use openclaw_tests::{Failed, Output, cli::Cli};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::contract::*;

/// A certificate for `localhost` that its own authority signed, and its key.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(TempDir::new().expect("a directory"));
        files.renew();
        files
    }

    /// Writes another certificate with another key.
    fn renew(&self) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        fs::write(self.path("cert.pem"), cert.pem()).expect("cert.pem is written");
        fs::write(self.path("key.pem"), signing_key.serialize_pem()).expect("key.pem is written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self) -> String {
        let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
        format!("gateway:\n  tls: {{cert_file: {}, key_file: {}}}\n", cert.display(), key.display())
    }
}

/// A tenant made on this machine, whose daemon is reached by HTTPS alone; its token.
fn tenant(daemon: &Daemon) -> String {
    let created = daemon.cli(&["tenants", "create", "acme", "--json"]).exited(0).json();
    created["token"].as_str().expect("a token").to_owned()
}

/// `openclaw call health` by HTTPS, as one who trusts the certificates in this file.
fn health(daemon: &Daemon, host: &str, trusted: PathBuf, token: &str) -> Output {
    let url = format!("https://{host}:{}", daemon.address().port());
    let trusted = trusted.display().to_string();
    Cli::bare(&["call", "health", "--url", &url, "--json"])
        .env("SSL_CERT_FILE", &trusted)
        .env("OPENCLAW_TOKEN", token)
        .run()
}

#[test]
fn calls_come_by_https_from_who_trusts_the_certificate() {
    let files = Files::new();
    let daemon = Daemon::start_with(&files.config());
    assert!(daemon.log().contains("listening on https://"), "{}", daemon.log());
    let token = &tenant(&daemon);
    let answer = health(&daemon, "localhost", files.path("cert.pem"), token).exited(0);
    assert_eq!(answer.json()["ok"], true);
    // The same certificate is for no other name, and another one is nobody's that is trusted.
    let refused = health(&daemon, "127.0.0.1", files.path("cert.pem"), token).exited(7);
    assert!(refused.stderr.contains("certificate"), "{}", refused.stderr);
    let refused = health(&daemon, "localhost", Files::new().path("cert.pem"), token).exited(7);
    assert!(refused.stderr.contains("SSL_CERT_FILE"), "{}", refused.stderr);
    // On this machine the control socket is the way, with the token as without.
    let at_home = Cli::on(daemon.home().path(), &["call", "health", "--json"]).env("OPENCLAW_TOKEN", token).run();
    assert_eq!(at_home.exited(0).json()["ok"], true);
}

#[test]
fn who_speaks_no_tls_gets_no_answer_and_holds_up_nobody() {
    let files = Files::new();
    let daemon = Daemon::start_with(&files.config());
    let token = &tenant(&daemon);
    let call = Request::get("/healthz");
    assert!(call.send(daemon.address()).is_err(), "plain HTTP was answered");
    let answer = health(&daemon, "localhost", files.path("cert.pem"), token).exited(0);
    assert_eq!(answer.json()["ok"], true);
    let url = format!("http://{}", daemon.address());
    let refused = Cli::bare(&["call", "health", "--url", &url]).env("OPENCLAW_TOKEN", token).run().exited(7);
    assert!(refused.stderr.contains("https://"), "{}", refused.stderr);
}

#[test]
fn who_asks_a_plain_gateway_for_tls_is_told_so() {
    let daemon = Daemon::start();
    let refused = health(&daemon, "localhost", Files::new().path("cert.pem"), "tk_x").exited(7);
    assert!(refused.stderr.contains("http://"), "{}", refused.stderr);
}

#[test]
fn a_renewed_certificate_is_shown_after_sighup_and_a_broken_one_is_not() {
    let files = Files::new();
    let daemon = Daemon::start_with(&files.config());
    let token = &tenant(&daemon);
    let old = files.path("old.pem");
    fs::copy(files.path("cert.pem"), &old).expect("the certificate is copied");
    files.renew();
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("the configuration is reloaded");
    health(&daemon, "localhost", files.path("cert.pem"), token).exited(0);
    health(&daemon, "localhost", old, token).exited(7);
    let good = files.path("good.pem");
    fs::rename(files.path("cert.pem"), &good).expect("the certificate is moved");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("the configuration stays as it was");
    health(&daemon, "localhost", good, token).exited(0);
}

#[test]
fn files_that_are_of_no_use_are_named_at_the_start() {
    let files = Files::new();
    let start = || -> Box<Failed> {
        Daemon::start_on(Home::with_config(&files.config())).map(drop).expect_err("it does not start")
    };
    let other = Files::new();
    fs::copy(other.path("key.pem"), files.path("key.pem")).expect("a key that belongs to another certificate");
    let failed = start();
    assert_eq!(failed.code, Some(8), "{failed}");
    assert!(failed.log.contains("cannot be used together"), "{failed}");
    fs::write(files.path("key.pem"), "no key").expect("written");
    let failed = start();
    assert!(failed.log.contains("gateway.tls.key_file"));
    let told = failed.home.cli(&["config", "validate"]).exited(8);
    assert!(told.stderr.contains("gateway.tls.key_file"), "{told:?}");
    fs::remove_file(files.path("cert.pem")).expect("removed");
    let failed = start();
    assert!(failed.log.contains("gateway.tls.cert_file") && failed.log.contains("cert.pem"), "{failed}");
}
