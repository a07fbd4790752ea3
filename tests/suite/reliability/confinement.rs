//! R2: no name or path leads out of a tenant's directory.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use openclaw_tests::torture;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::contract::*;

use super::{HOSTILE_GRANTS, config_with};

const OPERATIONS: [&str; 10] =
    ["read", "write", "append", "metadata", "list", "createDirectory", "remove", "removeAll", "rename", "subdirectory"];

/// A method, and the parameters of a good call except one text, which is a hostile name.
#[derive(Clone, Debug)]
struct Attack {
    method: String,
    params: Value,
    place: String,
}

impl Attack {
    /// Every parameter that holds a text, of every method that a tenant may call. What ends the tenant is left out.
    fn all(tenant: &Client) -> Vec<Self> {
        let methods = discover::methods(tenant);
        let methods = methods.iter().filter(|method| !["tenants.delete", "tenants.rotate"].contains(&&*method.name));
        methods
            .flat_map(|method| {
                let texts = method.params.iter().filter(|param| is_text(&param.schema));
                texts.map(|param| Self {
                    method: method.name.clone(),
                    params: good_params(method, &param.name),
                    place: param.name.clone(),
                })
            })
            .collect()
    }

    fn params(&self, name: &str) -> Value {
        let mut params = self.params.clone();
        let is_list = params[&self.place].is_array();
        params[&self.place] = match self.place.as_str() {
            "raw" => json!(json!({ "agents": { "list": [{ "id": "x", "workspace": name }] } }).to_string()),
            _ if is_list => json!([name]),
            _ => json!(name),
        };
        params
    }
}

/// Whether a parameter can hold any text, or a list of such.
fn is_text(schema: &Value) -> bool {
    let names =
        |kind: &str| schema["type"] == kind || schema["type"].as_array().is_some_and(|all| all.contains(&json!(kind)));
    schema.get("enum").is_none() && (names("string") || (names("array") && is_text(&schema["items"])))
}

/// What a call needs, and the one optional parameter that is to be tried.
fn good_params(method: &discover::Method, tried: &str) -> Value {
    // Nobody answers here: it is not waited for.
    let waits = |name: &str| method.name == "exec.approval.request" && name == "timeoutMs";
    let wanted = method.params.iter().filter(|param| param.required || param.name == tried || waits(&param.name));
    let value = |param: &discover::Param| match param.name.as_str() {
        "timeoutMs" => json!(0),
        "decision" => json!("deny"),
        "agentId" => json!("main"),
        "name" => json!("SOUL.md"),
        "key" | "sessionKey" => json!("agent:main:main"),
        _ if param.schema["type"] == "array" => json!([]),
        _ => json!("x"),
    };
    Value::Object(wanted.map(|param| (param.name.clone(), value(param))).collect())
}

fn runner(cases: u32) -> TestRunner {
    let config =
        Config { cases: if torture() { cases * 20 } else { cases }, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// A name or path that means harm.
fn hostile_path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => Just("..".to_owned()), 1 => Just(".".to_owned()), 1 => Just(String::new()), 1 => Just("etc".to_owned()),
        1 => Just("passwd".to_owned()), 1 => Just("main".to_owned()), 1 => Just("SOUL.md".to_owned()), 1 => Just("config.yaml".to_owned()),
        1 => Just("\u{ff0e}\u{ff0e}".to_owned()), 1 => Just("\u{2024}\u{2024}".to_owned()), 1 => Just("..\u{0}".to_owned()),
        1 => Just("%2e%2e".to_owned()), 1 => Just("\u{202e}".to_owned()), 1 => Just("out".to_owned()), 1 => Just("secret".to_owned()),
        1 => Just("x".repeat(256)), 1 => "\\PC{0,8}",
    ];
    let separator = prop_oneof![4 => Just("/"), 1 => Just("\\"), 1 => Just("\u{2215}"), 1 => Just("\u{ff0f}"), 1 => Just("//"), 1 => Just("%2f")];
    let start = prop_oneof![2 => Just(""), 1 => Just("/"), 1 => Just("C:\\"), 1 => Just("~/"), 1 => Just("file:///"), 1 => Just("/proc/self/root/")];
    (start, prop::collection::vec((part, separator), 1..8)).prop_map(|(start, parts)| {
        parts.into_iter().fold(start.to_owned(), |path, (part, separator)| path + &part + separator)
    })
}

/// A daemon whose home has another tenant, and a folder beside it, that must stay as they are.
struct Prison {
    daemon: Daemon,
    tenant: Tenant,
    outside: tempfile::TempDir,
}

impl Prison {
    fn build() -> Self {
        let daemon = Daemon::start_with(&config_with(&["hostile", "plain_wasi"], HOSTILE_GRANTS));
        let tenant = daemon.tenant("a");
        let victim = daemon.tenant("victim");
        canary::plant(&daemon, &victim, MARK);
        let outside = tempfile::tempdir().expect("a folder");
        fs::write(outside.path().join("secret"), MARK).expect("a secret");
        let prison = Self { daemon, tenant, outside };
        prison.tenant.done("hostile.escape_files", json!({ "operation": "write", "path": "own", "content": "mine" }));
        prison
    }

    /// The folder of the tenant that the component was given.
    fn own_folder(&self) -> std::path::PathBuf {
        let directory = self.daemon.home().tenant("a");
        let own = openclaw_tests::home::files_below(&directory).into_iter().find(|path| path.ends_with("own"));
        directory.join(own.expect("the component wrote a file")).parent().expect("a folder").to_owned()
    }

    fn snapshot(&self) -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let victim = self.daemon.home().tenant("victim");
        let files = openclaw_tests::home::files_below(&victim).into_iter().map(|path| victim.join(path));
        let stable = files
            .filter(|path| path.extension().is_none_or(|extension| !extension.to_string_lossy().starts_with("db")));
        let outside = ["secret"].map(|name| self.outside.path().join(name));
        let content = |path: std::path::PathBuf| (path.clone(), fs::read(path).unwrap_or_default());
        stable.chain(outside).map(content).collect()
    }
}

#[test]
fn generated_paths_through_the_files_of_a_component() {
    let prison = Prison::build();
    let before = prison.snapshot();
    let calls = (prop::sample::select(&OPERATIONS[..]), hostile_path(), hostile_path());
    runner(500)
        .run(&calls, |(operation, path, to)| {
            let answer = prison.tenant.respond(
                "hostile.escape_files",
                &json!({ "operation": operation, "path": path, "to": to, "content": "pwned" }),
            );
            prop_assert!(
                answer.status < 500 && !answer.text().contains(MARK),
                "{operation} {path:?}: {}",
                answer.text()
            );
            prop_assert!(!answer.text().contains("root:x:0"), "{operation} {path:?} read /etc/passwd");
            prop_assert_ne!(
                answer.json()["error"]["code"].as_i64(),
                Some(-32603),
                "{} {:?}: {}",
                operation,
                path,
                answer.text()
            );
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(prison.snapshot(), before, "something outside was changed");
}

#[test]
fn generated_names_through_every_method_that_takes_one() {
    let prison = Prison::build();
    let before = prison.snapshot();
    let home = prison.daemon.home().path().to_owned();
    let top = |path: &Path| {
        fs::read_dir(path)
            .map(|entries| entries.flatten().map(|entry| entry.file_name()).collect::<std::collections::BTreeSet<_>>())
            .unwrap_or_default()
    };
    let roots_before = (top(&home), top(&home.join("tenants")));
    let calls = Attack::all(&prison.tenant);
    assert!(calls.len() > 40, "only {} parameters take a name: {calls:?}", calls.len());
    runner(300)
        .run(&(prop::sample::select(calls), hostile_path()), |(call, path)| {
            let (method, params) = (&call.method, call.params(&path));
            let answer = prison.tenant.respond(method, &params);
            prop_assert!(answer.status < 500 && !answer.text().contains(MARK), "{method} {params}: {}", answer.text());
            prop_assert!(!answer.text().contains("root:x:0"), "{method} {params} read /etc/passwd");
            prop_assert_ne!(
                answer.json()["error"]["code"].as_i64(),
                Some(-32603),
                "{} {}: {}",
                method,
                params,
                answer.text()
            );
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(prison.snapshot(), before, "something outside was changed");
    assert_eq!((top(&home), top(&home.join("tenants"))), roots_before, "something was made outside");
}

#[test]
fn planted_symlinks_lead_nowhere() {
    let prison = Prison::build();
    let own = prison.own_folder();
    let outside = prison.outside.path();
    let victim = prison.daemon.home().tenant("victim");
    for (name, target) in [
        ("out", outside),
        ("victim", &victim),
        ("file", &outside.join("secret")),
        ("root", Path::new("/")),
        ("self", &own),
    ] {
        symlink(target, own.join(name)).expect("a symlink");
    }
    symlink("../../..", own.join("up")).expect("a symlink");
    let before = prison.snapshot();
    for operation in OPERATIONS {
        for path in [
            "out/secret",
            "victim/agents/main/canary.txt",
            "file",
            "root/etc/passwd",
            "out",
            "up/victim/agents/main/canary.txt",
            "out/new",
        ] {
            for to in ["out/stolen", "file"] {
                let answer = prison
                    .tenant
                    .respond(
                        "hostile.escape_files",
                        &json!({ "operation": operation, "path": path, "to": to, "content": "pwned" }),
                    )
                    .text();
                assert!(!answer.contains(MARK) && !answer.contains("root:x:0"), "{operation} {path}: {answer}");
            }
        }
    }
    for path in ["out/secret", "file", "root/etc/passwd"] {
        let answer = prison.tenant.respond("plain.read", &json!({ "path": path })).text();
        assert!(!answer.contains(MARK) && !answer.contains("root:x:0"), "WASI {path}: {answer}");
    }
    assert_eq!(prison.snapshot(), before, "something outside was changed");
    assert_eq!(fs::read_dir(outside).expect("the folder").count(), 1, "something was made outside");
}

#[test]
fn an_agents_folder_that_is_a_symlink_leads_nowhere() {
    let prison = Prison::build();
    prison.tenant.done("agents.create", json!({ "name": "helper" }));
    let folder = prison.daemon.home().tenant("a").join("agents/helper");
    fs::remove_dir_all(&folder).expect("the folder");
    fs::write(prison.outside.path().join("SOUL.md"), MARK).expect("a file");
    symlink(prison.outside.path(), &folder).expect("a symlink");
    for (method, params) in [
        ("agents.files.get", json!({ "agentId": "helper", "name": "SOUL.md" })),
        ("agents.files.list", json!({ "agentId": "helper" })),
        ("agents.files.set", json!({ "agentId": "helper", "name": "USER.md", "content": "pwned" })),
        ("agents.delete", json!({ "agentId": "helper" })),
    ] {
        let answer = prison.tenant.respond(method, &params).text();
        assert!(!answer.contains(MARK), "{method}: {answer}");
    }
    assert!(!prison.outside.path().join("USER.md").exists());
    assert_eq!(fs::read_to_string(prison.outside.path().join("SOUL.md")).expect("the file"), MARK);
}

#[test]
fn a_device_or_fifo_hangs_nobody() {
    let prison = Prison::build();
    let own = prison.own_folder();
    let made = std::process::Command::new("mkfifo").arg(own.join("pipe")).status().expect("mkfifo");
    assert!(made.success());
    symlink("/dev/zero", own.join("zero")).expect("a symlink");
    for operation in ["read", "append", "metadata"] {
        for path in ["pipe", "zero"] {
            let _ = prison
                .tenant
                .respond("hostile.escape_files", &json!({ "operation": operation, "path": path, "content": "x" }))
                .json();
        }
    }
    prison.tenant.done("health", json!({}));
}

#[test]
fn a_symlink_that_is_swapped_in_between_escapes_nowhere() {
    let prison = Prison::build();
    let own = prison.own_folder();
    let before = prison.snapshot();
    let (done, rounds) = (AtomicBool::new(false), if torture() { 20_000 } else { 300 });
    thread::scope(|scope| {
        scope.spawn(|| {
            let (place, folder, link) = (own.join("place"), own.join("folder"), own.join("link"));
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join("secret"), "harmless").expect("a file");
            symlink(prison.outside.path(), &link).expect("a symlink");
            while !done.load(Ordering::Relaxed) {
                for other in [&folder, &link] {
                    // Whichever exists is moved in and out; a loser of the race changes nothing.
                    let _ = fs::rename(other, &place);
                    let _ = fs::rename(&place, other);
                }
            }
        });
        for round in 0..rounds {
            let operation = ["read", "write", "metadata", "list", "append"][round % 5];
            let answer = prison
                .tenant
                .respond(
                    "hostile.escape_files",
                    &json!({ "operation": operation, "path": "place/secret", "content": "pwned" }),
                )
                .text();
            assert!(!answer.contains(MARK), "round {round}, {operation}: {answer}");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(prison.snapshot(), before, "something outside was changed");
}

#[test]
fn a_header_that_names_another_tenant_is_refused_and_not_overlooked() {
    let daemon = Daemon::start();
    let (a, _b) = (daemon.tenant("a"), daemon.tenant("b"));
    let naming = |id: &str| a.with_header("X-OpenClaw-Tenant", id);
    for method in ["sessions.list", "tenants.get", "rpc.discover", "components.list", "no.such.method"] {
        let told = |id: &str| {
            let error = naming(id).err(method, json!({}));
            assert_eq!((error.code, error.name()), (-32003, "FORBIDDEN"), "{method}: {error}");
            error.message
        };
        assert_eq!(told("b"), "a tenant's token reaches its own tenant alone");
        assert_eq!(told("b"), told("nobody"), "whether a tenant exists must not show");
    }
    assert_eq!(naming("b").socket().call("health", json!({})).expect_err("it is refused").name(), "FORBIDDEN");
    assert_eq!(naming("a").ok("tenants.get", json!({}))["tenantId"], "a");
    daemon.operator_for("b").done("sessions.list", json!({}));
}
