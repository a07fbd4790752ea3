//! Requests that components make to hosts elsewhere.
//!
//! The host is one of this machine's, so a gateway reaches it only where the operator vouches for its address.

use std::{
    io::{BufReader, Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
    thread,
};

use openclaw_tests::{
    cli::Cli,
    server::{self, Received},
    wait_until,
};
use rustix::process::Signal;

use crate::contract::*;

use super::{built, params};

/// A gateway whose operator vouches for this machine.
const HOME: &str = "components: {http: {private_addresses: [127.0.0.1], timeout_ms: 1000, body_bytes: 65536}}\n";

/// A host that does what its path says.
pub(super) struct Host(u16);

impl Host {
    pub(super) fn start() -> Self {
        Self(server::listen(serve).port())
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.0)
    }

    pub(super) fn grant(&self) -> String {
        format!("http:127.0.0.1:{}", self.0)
    }

    /// Installs the fixture for a tenant with a grant of this host.
    fn granted(&self, daemon: &Daemon, tenant: &str) {
        install(daemon, tenant, &[&self.grant()]);
    }
}

fn install(daemon: &Daemon, tenant: &str, grants: &[&str]) {
    let component = params(&built("fixtures/outbound.wasm"), json!({ "grants": grants }));
    daemon.operator_for(tenant).done("components.install", component);
}

/// Answers one request; whoever goes away early has seen enough.
fn serve(stream: TcpStream) {
    let mut reader = BufReader::new(stream);
    let Some(Received { head, body }) = Received::read(&mut reader) else { return };
    let path = head.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let (answer, hangs) = match path {
        "/echo" => (format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len()), false),
        "/size" => (format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", body.len()), false),
        "/home" => ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:80/\r\nContent-Length: 0\r\n\r\n".into(), false),
        "/away" => ("HTTP/1.1 302 Found\r\nLocation: http://example.com/\r\nContent-Length: 0\r\n\r\n".into(), false),
        "/says" => ("HTTP/1.1 200 OK\r\nContent-Length: 68000000000\r\n\r\n".into(), true),
        "/more" => (format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(65537)), false),
        "/half" => ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".into(), true),
        _ => (String::new(), true),
    };
    let stream = reader.get_mut();
    if stream.write_all(answer.as_bytes()).is_ok() && hangs {
        // Until the other side has had enough.
        let _ = stream.read(&mut [0]);
    }
}

fn ask(url: &str) -> Value {
    json!({ "url": url })
}

#[test]
fn a_host_that_is_granted_is_asked_and_nothing_of_the_environment_is_used() {
    let proxied = |command: &mut std::process::Command| {
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env(name, "http://name:CANARY-OF-THE-PROXY@127.0.0.1:9");
        }
        command.args(["--listen", "127.0.0.1:0"]);
    };
    let started = Daemon::start_as(Home::with_config(HOME), |command| {
        proxied(command);
        command
    });
    let (daemon, host) = (started.unwrap_or_else(|failed| panic!("{failed}")), Host::start());
    let a = daemon.tenant("a");
    host.granted(&daemon, "a");
    let asked = json!({ "url": host.url("/echo?q=1"), "headers": [["authorization", "Bearer of-the-handler"]] });
    let answer = a.ok("outbound.ask", asked);
    assert_eq!(answer["status"], 200);
    let head = answer["text"].as_str().expect("a text");
    assert!(head.starts_with("GET /echo?q=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer of-the-handler\r\n"), "{head}");
    assert!(head.contains(&format!("host: 127.0.0.1:{}\r\n", host.0)), "{head}");
    let answer = a.ok("outbound.ask", json!({ "url": host.url("/size"), "post": 65536 }));
    assert_eq!(answer["text"], "65536");
    let error = a.err("outbound.ask", json!({ "url": host.url("/echo"), "headers": [["host", "example.com"]] }));
    assert_eq!(error.name(), "INVALID_REQUEST", "the host is the one that was checked: {error}");
}

#[test]
fn a_host_or_port_that_is_not_granted_is_refused_by_name() {
    let (daemon, host) = (Daemon::start_with(HOME), Host::start());
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    host.granted(&daemon, "a");
    install(&daemon, "b", &[]);
    let other = Host::start();
    for url in [other.url("/echo"), format!("http://localhost:{}/echo", host.0), "https://127.0.0.1/".into()] {
        let error = a.err("outbound.ask", ask(&url));
        assert_eq!(error.name(), "FORBIDDEN", "{url}: {error}");
        assert!(error.message.contains("is not granted"), "{error}");
    }
    assert_eq!(b.err("outbound.ask", ask(&host.url("/echo"))).name(), "FORBIDDEN", "a's grant is a's");
    for url in ["ftp://127.0.0.1/", "http://", &format!("http://name:word@127.0.0.1:{}/", host.0)] {
        assert_eq!(a.err("outbound.ask", ask(url)).name(), "INVALID_REQUEST", "{url}");
    }
    a.done("outbound.ask", ask(&host.url("/echo")));
    install(&daemon, "a", &[]);
    assert_eq!(a.err("outbound.ask", ask(&host.url("/echo"))).name(), "FORBIDDEN", "it was withdrawn");
}

#[test]
fn a_component_that_asks_hosts_is_checked_before_anybody_installs_it() {
    let file = openclaw_tests::workspace().join("target/fixtures/outbound.wasm").display().to_string();
    let report = Cli::bare(&["components", "check", &file, "--json"]).run().exited(0).json();
    assert_eq!((&report["ok"], &report["family"]), (&json!(true), &json!("outbound")), "{report}");
}

#[test]
fn a_port_that_is_none_is_not_taken_for_another() {
    let daemon = Daemon::start_with(HOME);
    let a = daemon.tenant("a");
    install(&daemon, "a", &["http:127.0.0.1"]);
    for url in ["http://127.0.0.1:99999/", "http://127.0.0.1:/"] {
        assert_eq!(a.err("outbound.ask", ask(url)).name(), "INVALID_REQUEST", "{url}");
    }
}

#[test]
fn users_5_a_private_address_is_refused_whatever_leads_there() {
    let host = Host::start();
    let strict = Daemon::start();
    let a = strict.tenant("a");
    install(&strict, "a", &["http:127.0.0.1", "http:localhost", "http:169.254.169.254"]);
    let local = format!("http://localhost:{}/echo", host.0);
    for url in [host.url("/echo"), local, "http://169.254.169.254/latest/meta-data".into()] {
        let error = a.err("outbound.ask", ask(&url));
        assert_eq!(error.name(), "FORBIDDEN", "{url}: {error}");
        assert!(error.message.contains("private, local or reserved"), "{error}");
    }
    // This machine is vouched for by one of its addresses alone.
    let daemon = Daemon::start_with(HOME);
    let a = daemon.tenant("a");
    install(&daemon, "a", &["http:127.0.0.1", "http:127.0.0.2"]);
    assert_eq!(a.ok("outbound.ask", ask(&host.url("/home")))["status"], 302, "nothing is followed unasked");
    let error = a.err("outbound.ask", json!({ "url": host.url("/home"), "follow": true }));
    assert!(error.message.contains("private, local or reserved"), "{error}");
    let error = a.err("outbound.ask", json!({ "url": host.url("/away"), "follow": true }));
    assert!(error.message.contains("http:example.com is not granted"), "{error}");
}

#[test]
fn bodies_and_time_are_bounded() {
    let (daemon, host) = (Daemon::start_with(HOME), Host::start());
    let a = daemon.tenant("a");
    host.granted(&daemon, "a");
    for (path, post, why) in [
        ("/says", 0, "answers more"),
        ("/more", 0, "answers more"),
        ("/size", 65537, "a body of this size"),
        ("/half", 0, "in time"),
        ("/hang", 0, "in time"),
    ] {
        let error = a.err("outbound.ask", json!({ "url": host.url(path), "post": post }));
        assert_eq!(error.name(), "UNAVAILABLE", "{path}: {error}");
        assert!(error.message.contains(why), "{path}: {error}");
    }
    let error = a.err("outbound.flood", json!({ "url": host.url("/echo"), "times": 65 }));
    assert!(error.message.contains("one request too many"), "{error}");
    a.done("outbound.flood", json!({ "url": host.url("/echo"), "times": 64 }));
}

#[test]
fn the_limits_of_the_call_hold_while_a_host_is_waited_for() {
    let patient = "components: {http: {private_addresses: [127.0.0.1], timeout_ms: 60000}, limits: {wall_ms: 500}}\n";
    let (daemon, host) = (Daemon::start_with(patient), Host::start());
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    host.granted(&daemon, "a");
    host.granted(&daemon, "b");
    // More than a tenant may have under way: what a call has left open went with it.
    for _ in 0..18 {
        let error = a.err("outbound.ask", ask(&host.url("/hang")));
        let waited = error.name() == "UNAVAILABLE" && error.message.contains("in time");
        assert!(waited || error.data["limit"] == "time", "{error}");
    }
    a.done("outbound.ask", ask(&host.url("/echo")));
    b.done("outbound.ask", ask(&host.url("/echo")));
}

#[test]
fn of_a_tenant_sixteen_requests_are_under_way_at_once_and_no_other_waits_for_them() {
    let config = |timeout_ms: u32| {
        format!("components: {{http: {{private_addresses: [127.0.0.1], timeout_ms: {timeout_ms}}}}}\n")
    };
    let daemon = Daemon::start_with(&config(60_000));
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let open = Arc::<Mutex<Vec<TcpStream>>>::default();
    let kept = open.clone();
    // It answers nobody, until the test ends their connections.
    let silent = Host(server::listen(move |stream| kept.lock().expect("nobody panics").push(stream)).port());
    let host = Host::start();
    let grants = [silent.0, host.0].map(|port| format!("http:127.0.0.1:{port}"));
    let grants = grants.each_ref().map(String::as_str);
    install(&daemon, "a", &grants);
    install(&daemon, "b", &grants);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| a.err("outbound.ask", ask(&silent.url("/"))));
        }
        wait_until("sixteen requests", || open.lock().expect("nobody panics").len() == 16);
        daemon.home().configure(&config(2_000));
        daemon.signal(Signal::HUP);
        daemon.wait_for_log("the configuration is reloaded");
        let error = a.err("outbound.ask", ask(&host.url("/echo")));
        assert_eq!(error.name(), "UNAVAILABLE", "{error}");
        assert!(error.message.contains("one request too many") && error.message.contains("16"), "{error}");
        b.done("outbound.ask", ask(&host.url("/echo")));
        open.lock().expect("nobody panics").clear();
    });
    a.done("outbound.ask", ask(&host.url("/echo")));
}

#[test]
fn each_attempt_is_in_the_audit_log_by_host_and_port_alone() {
    let (daemon, host) = (Daemon::start_with(HOME), Host::start());
    let a = daemon.tenant("a");
    host.granted(&daemon, "a");
    let secret = json!({ "url": host.url("/echo?key=CANARY-OF-A"), "headers": [["authorization", "CANARY-OF-A"]] });
    a.done("outbound.ask", secret);
    let _ = a.err("outbound.ask", ask("https://example.com/CANARY-OF-A"));
    let lines = daemon.home().audit();
    let asked: Vec<_> = lines.iter().filter(|line| line["action"] == "component.http").collect();
    let told = |line: &Value| {
        json!([line["tenant"], line["detail"]["host"], line["detail"]["port"], line["detail"]["family"]])
    };
    assert_eq!(told(asked[0]), json!(["a", "127.0.0.1", host.0, "outbound"]));
    assert_eq!(asked[0]["detail"]["refused"], Value::Null);
    assert_eq!(told(asked[1]), json!(["a", "example.com", 443, "outbound"]));
    assert!(asked[1]["detail"]["refused"].as_str().is_some_and(|why| why.contains("allow list")), "{}", asked[1]);
    assert_eq!(asked.len(), 2);
    let audit = lines.iter().map(Value::to_string).collect::<String>();
    for text in [audit, daemon.log()] {
        assert!(!text.contains(MARK), "{text}");
    }
}

#[test]
fn what_is_refused_fills_no_audit_log() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    install(&daemon, "a", &[]);
    let long = format!("https://{}org/", "long.".repeat(1_000));
    assert_eq!(a.err("outbound.ask", ask(&long)).name(), "INVALID_REQUEST", "it is no host's name");
    // Thirty hosts, each twice.
    let urls: Vec<_> = (0..60).map(|number| format!("https://h{}.example.com/", number / 2)).collect();
    assert_eq!(a.ok("outbound.knock", json!({ "urls": urls })), 60);
    let lines = daemon.home().audit();
    let asked: Vec<_> = lines.iter().filter(|line| line["action"] == "component.http").collect();
    let hosts: Vec<_> = asked.iter().filter_map(|line| line["detail"]["host"].as_str()).collect();
    let expected: Vec<_> = (0..17).map(|number| format!("h{number}.example.com")).collect();
    assert_eq!(hosts, expected, "each once, and so many");
    let last = asked[16]["detail"]["refused"].as_str().expect("a reason");
    assert!(last.contains("more that are refused are not written down"), "{last}");
}
