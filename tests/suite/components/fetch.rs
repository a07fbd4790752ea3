//! Components that come by HTTPS.

use std::{
    io::{BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
};

use openclaw_tests::{
    Output,
    cli::Cli,
    server::{self, Received},
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::TempDir;

use crate::contract::*;

use super::{answers, swap};

/// What a client asks.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

/// Status line and headers, and the body.
pub(super) type Answer = (String, Vec<u8>);

/// A site whose certificate nobody trusts but who is told.
pub(super) struct Site {
    folder: TempDir,
    pub(super) port: u16,
}

impl Site {
    pub(super) fn serving(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("a certificate");
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("trusted.pem"), cert.pem()).expect("it is written");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let settings = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocols")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a certificate with its key");
        let settings = Arc::new(settings);
        let port = server::listen(move |stream| serve(settings.clone(), stream, &answer)).port();
        Self { folder, port }
    }

    /// A site with these files.
    pub(super) fn with(files: Vec<(&'static str, Vec<u8>)>) -> Self {
        Self::serving(move |asked| match files.iter().find(|(name, _)| *name == asked.path) {
            Some((_, body)) => found(body.clone()),
            None => empty("404 Not Found", ""),
        })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// `openclaw components install` of this URL for the tenant `a`.
    pub(super) fn install(&self, daemon: &Daemon, url: &str, arguments: &[&str]) -> Output {
        let verb = ["components", "install", url, "--tenant", "a", "--yes"];
        self.trusted(Cli::on(daemon.home().path(), &[&verb, arguments].concat())).run()
    }

    /// A command that trusts this site.
    pub(super) fn trusted(&self, cli: Cli) -> Cli {
        cli.env("SSL_CERT_FILE", &self.certificate())
    }

    /// The file of its certificate.
    pub(super) fn certificate(&self) -> String {
        self.folder.path().join("trusted.pem").display().to_string()
    }
}

pub(super) fn found(body: Vec<u8>) -> Answer {
    (format!("HTTP/1.1 200 OK\r\nContent-Length: {}", body.len()), body)
}

/// An answer without a body; each header ends its line.
pub(super) fn empty(status: &str, headers: &str) -> Answer {
    (format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0"), Vec::new())
}

/// Answers one request. Whoever goes away early has seen enough.
fn serve(settings: Arc<ServerConfig>, stream: TcpStream, answer: &dyn Fn(&Asked) -> Answer) {
    let connection = ServerConnection::new(settings).expect("a connection");
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let Some(Received { head, body }) = Received::read(&mut stream) else { return };
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (head, body) = answer(&Asked { method, path, head, body });
    let stream = stream.get_mut();
    let sent = stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes());
    let sent = sent.and_then(|()| stream.write_all(&body));
    stream.conn.send_close_notify();
    let _ = sent.and_then(|()| stream.flush()).and_then(|()| stream.read(&mut [0]));
}

pub(super) fn digest(wasm: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    format!("sha256:{}", hex::encode(Sha256::digest(wasm)))
}

pub(super) const NEAR: &str = "--allow-private-addresses";

#[test]
fn a_component_is_installed_from_a_url_by_its_digest() {
    let wasm = swap("ok00001");
    let (daemon, digest) = (Daemon::start(), digest(&wasm));
    let a = daemon.tenant("a");
    let site = Site::with(vec![("/swap.wasm", wasm), ("/other.wasm", swap("ok00002"))]);
    let url = site.url("/swap.wasm");
    site.install(&daemon, &url, &["--digest", &digest, NEAR]).exited(0);
    assert_eq!(answers(&a), "ok00001");
    let refused = site.install(&daemon, &site.url("/other.wasm"), &["--digest", &digest, NEAR]).exited(1);
    assert!(refused.stderr.contains("was expected"), "{}", refused.stderr);
    let refused = site.install(&daemon, &site.url("/none.wasm"), &["--digest", &digest, NEAR]).exited(3);
    assert!(refused.stderr.contains("no such file"), "{}", refused.stderr);
    let refused = site.install(&daemon, &url, &[NEAR]).exited(2);
    assert!(refused.stderr.contains("--digest") && refused.stderr.contains("--key"), "{}", refused.stderr);
    assert_eq!(answers(&a), "ok00001");
}

#[test]
fn a_component_is_installed_from_a_url_by_its_signature() {
    let wasm = swap("ok00001");
    let folder = TempDir::new().expect("a folder");
    let sign = |file: &Path, wasm: &[u8]| {
        std::fs::write(file, wasm).expect("it is written");
        let file = file.display().to_string();
        Cli::bare(&["components", "sign", &file, "--key", "minisign.key"]).within(folder.path()).run().exited(0);
        std::fs::read(format!("{file}.minisig")).expect("a signature")
    };
    Cli::bare(&["components", "keygen", "--no-password"]).within(folder.path()).run().exited(0);
    let signature = sign(&folder.path().join("swap.wasm"), &wasm);
    let files = vec![
        ("/swap.wasm", wasm),
        ("/swap.wasm.minisig", signature.clone()),
        ("/other.wasm", swap("ok00002")),
        ("/other.wasm.minisig", signature),
    ];
    let (site, daemon) = (Site::with(files), Daemon::start());
    let a = daemon.tenant("a");
    let key = folder.path().join("minisign.pub").display().to_string();
    site.install(&daemon, &site.url("/swap.wasm"), &["--key", &key, NEAR]).exited(0);
    assert_eq!(answers(&a), "ok00001");
    let refused = site.install(&daemon, &site.url("/other.wasm"), &["--key", &key, NEAR]).exited(1);
    assert!(refused.stderr.contains("is not valid"), "{}", refused.stderr);
    assert_eq!(answers(&a), "ok00001");
}

#[test]
fn a_private_address_is_asked_only_where_that_is_said() {
    let wasm = swap("ok00001");
    let (daemon, digest) = (Daemon::start(), digest(&wasm));
    let _a = daemon.tenant("a");
    let site = Site::with(vec![("/swap.wasm", wasm)]);
    let literal = format!("https://127.0.0.1:{}/swap.wasm", site.port);
    for url in [site.url("/swap.wasm"), literal] {
        let refused = site.install(&daemon, &url, &["--digest", &digest]).exited(1);
        assert!(refused.stderr.contains("private, local or reserved"), "{}", refused.stderr);
        assert!(refused.stderr.contains(NEAR), "{}", refused.stderr);
    }
    let plain = format!("http://localhost:{}/swap.wasm", site.port);
    let refused = site.install(&daemon, &plain, &["--digest", &digest, NEAR]).exited(2);
    assert!(refused.stderr.contains("https:// alone"), "{}", refused.stderr);
    let untrusted = Site::with(Vec::new());
    let refused = untrusted.install(&daemon, &site.url("/swap.wasm"), &["--digest", &digest, NEAR]).exited(7);
    assert!(refused.stderr.contains("certificate"), "{}", refused.stderr);
}

#[test]
fn redirects_and_sizes_are_bounded() {
    let wasm = swap("ok00001");
    let (daemon, digest) = (Daemon::start(), digest(&wasm));
    let a = daemon.tenant("a");
    let redirect = |to: &str| empty("302 Found", &format!("Location: {to}\r\n"));
    let site = Site::serving(move |asked| match asked.path.as_str() {
        "/once" => redirect("/swap.wasm"),
        "/round" => redirect("/round"),
        "/plain" => redirect("http://localhost/swap.wasm"),
        "/swap.wasm" => found(wasm.clone()),
        "/says" => ("HTTP/1.1 200 OK\r\nContent-Length: 68000000000".into(), Vec::new()),
        // As long as it is read: its length is not said.
        _ => ("HTTP/1.1 200 OK".into(), vec![0; 65 << 20]),
    });
    for (path, why) in [
        ("/round", "more than 5 times"),
        ("/plain", "no HTTPS URL"),
        ("/says", "is larger than"),
        ("/endless", "is larger than"),
    ] {
        let refused = site.install(&daemon, &site.url(path), &["--digest", &digest, NEAR]).exited(1);
        assert!(refused.stderr.contains(why), "{path}: {}", refused.stderr);
    }
    site.install(&daemon, &site.url("/once"), &["--digest", &digest, NEAR]).exited(0);
    assert_eq!(answers(&a), "ok00001");
}
