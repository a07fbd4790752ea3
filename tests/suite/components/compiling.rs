//! What compiling a component takes, and whom it holds up.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
};

use openclaw_tests::{home::files_below, rpc::frame, wait_for, wait_until};
use rustix::process::{Pid, Signal, kill_process};

use crate::contract::*;

use super::{GRANTS, answers, built, padded, params, states, swap};

const SELF_SERVICE: &str = "self_service: true, grants: {swap: [config, \"secret:key:reveal\"]}";

/// A number as WebAssembly writes it.
fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).expect("seven bits"));
    bytes
}

fn sized(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id][..], &number(body.len()), body].concat()
}

/// A component of one module, of so many functions with this code and so many locals.
fn component(functions: usize, locals: usize, code: &[u8]) -> Vec<u8> {
    let body = [&[1][..], &number(locals), &[0x7f], code, &[0x0b]].concat();
    let function = [number(body.len()), body].concat();
    let module = [
        b"\0asm\x01\0\0\0".to_vec(),
        sized(1, &[1, 0x60, 0, 0]),
        sized(3, &[number(functions), vec![0; functions]].concat()),
        sized(10, &[number(functions), function.repeat(functions)].concat()),
    ];
    [b"\0asm\x0d\0\x01\0".to_vec(), sized(1, &module.concat())].concat()
}

/// One that takes minutes to compile, in functions that are each within the limits: 300 branches, each to 300 places
/// where other locals are set.
fn endless() -> Vec<u8> {
    const PLACES: usize = 300;
    const LOCALS: usize = 200;
    let local = |n: usize| number(n * 7 % LOCALS);
    let mut code = [&[0x03, 0x40][..], &[0x02, 0x40].repeat(PLACES)].concat();
    for n in 0..PLACES {
        code.extend([&[0x02, 0x40, 0x20][..], &local(n), &[0x0e], &number(PLACES)].concat());
        code.extend((0..PLACES).flat_map(|place| number((place * 31 + n * 17) % PLACES)));
        code.extend([0, 0x0b]);
    }
    for n in 0..PLACES {
        code.extend([&[0x0b, 0x20][..], &local(n), &[0x20], &local(n + 3), &[0x6a, 0x21], &local(n + 5)].concat());
    }
    code.extend([0x20, 0, 0x0d, 0, 0x0b]);
    component(30, LOCALS, &code)
}

/// The processes in which the daemon compiles.
fn compilers(daemon: &Daemon) -> Vec<PathBuf> {
    let parent = format!("PPid:\t{}\n", daemon.pid());
    let processes = fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
    processes
        .filter(|process| fs::read_to_string(process.join("status")).is_ok_and(|status| status.contains(&parent)))
        .filter(|process| compiles(process))
        .collect()
}

fn compiles(process: &Path) -> bool {
    fs::read_to_string(process.join("cmdline")).is_ok_and(|line| line.contains("compile-component"))
}

/// Makes a call whose answer, if there is one, is waited for elsewhere.
fn begin(client: &Client, method: &str, params: Value) -> thread::JoinHandle<Option<Value>> {
    let (request, address) = (client.request(frame(1, method, &params).to_string()), client.address());
    thread::spawn(move || Some(request.send(address).ok()?.json()))
}

/// Has a tenant install what takes minutes, and leaves it to that. Answers when one more compiles.
fn keep_busy(daemon: &Daemon, tenant: &Client) {
    let before = compilers(daemon).len();
    begin(tenant, "components.install", params(&endless(), json!({})));
    wait_until("a compiler", || compilers(daemon).len() > before);
}

fn cached(home: &Home) -> BTreeSet<PathBuf> {
    files_below(&home.path().join("cache")).into_iter().collect()
}

#[test]
fn a_component_that_compiles_forever_is_refused_and_holds_up_nobody() {
    let daemon = Daemon::start_with(&format!("components: {{{SELF_SERVICE}, compile: {{cpu_seconds: 1}}}}\n"));
    let a = daemon.tenant("a");
    let before = cached(daemon.home());
    let error = a.err("components.install", params(&endless(), json!({})));
    assert_eq!(error.name(), "INVALID_REQUEST", "{error}");
    assert!(error.message.starts_with("it takes more than 1 s to compile"), "{error}");
    assert_eq!((compilers(&daemon), cached(daemon.home())), (Vec::new(), before));

    let daemon = Daemon::start_with(&format!("components: {{{SELF_SERVICE}, compile: {{cpu_seconds: 3600}}}}\n"));
    let (a, c) = (daemon.tenant("a"), daemon.tenant("c"));
    keep_busy(&daemon, &a);
    c.done("components.install", params(&swap("ok00001"), json!({})));
    assert_eq!(answers(&c), "ok00001");
    let error = a.err("components.install", params(&swap("ok00002"), json!({})));
    assert_eq!((error.name(), &error.data["retryable"]), ("UNAVAILABLE", &json!(true)), "one at a time: {error}");
    assert_eq!(compilers(&daemon).len(), 1, "the first is still at it");
}

#[test]
fn what_is_loaded_or_compiled_waits_for_no_compiler() {
    let daemon = Daemon::start_with(&format!("components: {{{SELF_SERVICE}, compile: {{cpu_seconds: 3600}}}}\n"));
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|id| daemon.tenant(id));
    c.done("components.install", params(&swap("ok00001"), json!({})));
    keep_busy(&daemon, &a);
    keep_busy(&daemon, &b);
    d.done("components.install", params(&swap("ok00001"), json!({})));
    assert_eq!(answers(&d), "ok00001", "it was loaded");
    for tenant in [&c, &d] {
        tenant.done("components.remove", json!({ "family": "swap" }));
    }
    d.done("components.install", params(&swap("ok00001"), json!({})));
    assert_eq!(answers(&d), "ok00001", "its code was kept");
    let operators = params(&padded(swap("ok00003"), 8), json!({ "grants": GRANTS }));
    daemon.operator().done("components.install", operators);
    assert_eq!(answers(&c), "ok00003", "the operator has a line of its own");
    assert_eq!(compilers(&daemon).len(), 2, "both are still at it");
}

#[test]
fn a_change_that_waits_for_the_compiler_holds_up_no_other_change() {
    let config = format!("components: {{{SELF_SERVICE}, compile: {{cpu_seconds: 3600}}}}\n");
    let daemon = Daemon::start_with(&config);
    let tokens = ["a", "b", "c", "d"].map(|id| daemon.tenant(id).token().to_owned());
    let [a, d] = [&tokens[0], &tokens[3]].map(|token| daemon.client(token));
    d.done("components.install", params(&swap("ok00009"), json!({})));
    let kept = cached(daemon.home());
    let first = a.ok("components.install", params(&swap("ok00001"), json!({})))["digest"].clone();
    a.done("components.install", params(&swap("ok00002"), json!({})));
    let home = daemon.into_home();
    for code in cached(&home).difference(&kept) {
        fs::remove_file(home.path().join("cache").join(code)).expect("an entry");
    }
    let daemon = Daemon::start_on(home).unwrap_or_else(|failed| panic!("{failed}"));
    let [a, b, c, d] = tokens.map(|token| daemon.client(&token));
    keep_busy(&daemon, &b);
    keep_busy(&daemon, &c);
    begin(&a, "components.activate", json!({ "family": "swap", "digest": first }));
    for _ in 0..10 {
        d.done("components.remove", json!({ "family": "swap" }));
        d.done("components.install", params(&swap("ok00009"), json!({})));
    }
    assert_eq!((answers(&d), compilers(&daemon).len()), ("ok00009".into(), 2));
}

#[test]
fn what_was_installed_for_a_deleted_tenant_is_not_its_namesakes() {
    let daemon = Daemon::start_with(&format!("components: {{{SELF_SERVICE}, compile: {{cpu_seconds: 3600}}}}\n"));
    let [a, b, c] = ["a", "b", "c"].map(|id| daemon.tenant(id));
    keep_busy(&daemon, &a);
    keep_busy(&daemon, &b);
    // Of two, one waits for a compiler, and the other is told so.
    let mut installs = ["ok00001", "ok00002"]
        .map(|version| begin(&c, "components.install", params(&swap(version), json!({}))))
        .into_iter()
        .collect::<Vec<_>>();
    let refused = wait_for("a refusal", || installs.iter().position(thread::JoinHandle::is_finished));
    let refused = installs.remove(refused).join().expect("the call").expect("an answer");
    assert_eq!(refused["error"]["data"]["code"], "UNAVAILABLE", "{refused}");
    let install = installs.remove(0);
    c.done("tenants.delete", json!({ "confirm": true }));
    let namesake = daemon.tenant("c");
    for compiler in compilers(&daemon) {
        let id = compiler.file_name().and_then(|name| Pid::from_raw(name.to_str()?.parse().ok()?)).expect("a process");
        kill_process(id, Signal::KILL).expect("it runs");
    }
    let answer = install.join().expect("the call").expect("an answer");
    assert!(answer["error"]["message"].as_str().is_some_and(|message| message.contains("deleted")), "{answer}");
    assert_eq!(states(&namesake, "swap"), []);
    assert_eq!(namesake.err("swap.version", json!({})).code, -32601);
}

#[test]
fn the_compiler_has_nothing_of_the_gateways_and_ends_with_it() {
    let mut daemon = Daemon::start_with(&format!("components: {{{SELF_SERVICE}, compile: {{cpu_seconds: 3600}}}}\n"));
    let a = daemon.tenant("a");
    keep_busy(&daemon, &a);
    let compiler = compilers(&daemon).pop().expect("a compiler");
    assert_eq!(fs::read(compiler.join("environ")).expect("its environment"), b"");
    let descriptors = fs::read_dir(compiler.join("fd")).expect("its descriptors").flatten().map(|fd| fd.path());
    // What whoever runs the tests left open for everybody is not the gateway's.
    let passed_on = |fd: &PathBuf| {
        let ours = PathBuf::from("/proc/self/fd").join(fd.file_name().expect("a number"));
        fs::read_link(ours).ok() == fs::read_link(fd).ok()
    };
    let own: Vec<PathBuf> =
        descriptors.filter(|fd| !passed_on(fd)).map(|fd| fs::read_link(fd).expect("open")).collect();
    assert!(own.len() == 3 && own.iter().all(|fd| fd.to_string_lossy().starts_with("pipe:")), "{own:?}");
    daemon.kill();
    wait_until("the compiler's end", || !compiles(&compiler));
}

#[test]
fn a_function_that_would_take_too_long_is_refused_before_it_is_compiled() {
    let daemon = Daemon::start_with(&format!("components: {{{SELF_SERVICE}}}\n"));
    let a = daemon.tenant("a");
    let wasm = component(1, 2000, &[0x02, 0x40, 0x20, 0, 0x0d, 0, 0x0b].repeat(24_000));
    let error = a.err("components.install", params(&wasm, json!({})));
    let expected = "it would take too much to compile: function 0 has 96000000 locals times branches, at most 20000000";
    assert_eq!((error.name(), &*error.message), ("INVALID_REQUEST", expected));
}

#[test]
fn refused_installs_leave_nothing_in_the_cache() {
    let daemon = Daemon::start();
    let [a, b] = ["a", "b"].map(|id| daemon.operator_for(&daemon.tenant(id).id));
    let before = cached(daemon.home());
    let refused = |wasm: &[u8], more: Value| {
        let error = a.err("components.install", params(wasm, more));
        assert_eq!(cached(daemon.home()), before, "{error}");
        error
    };
    assert_eq!(refused(&swap("ok00001"), json!({ "grants": [] })).name(), "FORBIDDEN");
    assert!(refused(&swap("ok00001"), json!({ "family": "crm", "grants": GRANTS })).message.contains("not crm"));
    assert!(refused(&built("fixtures/bad_manifest.wasm"), json!({})).message.contains("manifest"));
    assert!(refused(&built("fixtures/wants_channels.wasm"), json!({})).message.contains("channels"));
    a.done("components.install", params(&swap("ok00001"), json!({ "grants": GRANTS })));
    let kept = cached(daemon.home());
    assert_eq!(kept.len(), before.len() + 1);
    let error = b.err("components.install", params(&swap("ok00001"), json!({ "grants": [] })));
    assert_eq!((error.name(), cached(daemon.home())), ("FORBIDDEN", kept), "another tenant runs it");
}
