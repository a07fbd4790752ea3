//! `openclaw components new|bench|dev|c-bindings|encode`: what the author of a handler works with.

use std::{fs, path::Path, process::Command};

use openclaw_tests::{cli::Cli, workspace};

use crate::{
    components::{built, swap},
    contract::*,
    reliability::fixture,
};

fn new(folder: &Path, arguments: &[&str]) -> openclaw_tests::Output {
    Cli::bare(&[&["components", "new"], arguments].concat()).within(folder).run()
}

#[test]
fn a_new_project_names_its_family_in_every_language() {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = [("rust", "src/lib.rs"), ("javascript", "handler.js"), ("python", "handler.py"), ("c", "handler.c")];
    for (language, source) in sources {
        let directory = format!("in_{language}");
        new(folder.path(), &["lookup", "--lang", language, "--directory", &directory]).exited(0);
        let directory = folder.path().join(directory);
        for file in [source, "README.md", "calls.yaml", "component.yaml"] {
            let text = fs::read_to_string(directory.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(text.contains("lookup"), "{language}: {file}");
        }
    }
}

#[test]
fn a_new_project_is_told_to_programs_as_one_document() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = new(folder.path(), &["lookup", "--directory", "here", "--json"]).exited(0).json();
    assert_eq!(made, json!({ "family": "lookup", "directory": "here" }));
}

#[test]
fn a_new_project_writes_over_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("lookup")).expect("a directory");
    fs::write(folder.path().join("lookup/README.md"), "mine").expect("a file");
    let refused = new(folder.path(), &["lookup"]).exited(5);
    assert!(refused.stderr.contains("lookup is not empty"), "{refused:?}");
    let files: Vec<_> = fs::read_dir(folder.path().join("lookup")).expect("the directory").collect();
    assert_eq!(files.len(), 1, "nothing came beside it");
    assert_eq!(fs::read_to_string(folder.path().join("lookup/README.md")).expect("the file"), "mine");
}

#[test]
fn a_new_project_has_a_name_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = new(folder.path(), &["sessions"]).exited(2);
    assert!(ours.stderr.contains("sessions is a family of the gateway itself"), "{ours:?}");
    new(folder.path(), &["Not-A-Family"]).exited(2);
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0, "nothing was made");
}

/// Slow where it is built for the first time: the SDK's dependencies, for two targets.
#[test]
fn a_new_project_in_rust_builds_and_passes_its_tests_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    new(folder.path(), &["lookup"]).exited(0);
    let project = folder.path().join("lookup");
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&project);
        command.env("CARGO_TARGET_DIR", workspace().join("target/projects"));
        for (name, _) in std::env::vars_os() {
            let ours =
                name.to_string_lossy().starts_with("CARGO_PKG_") || name == "RUSTFLAGS" || name == "LD_LIBRARY_PATH";
            ours.then(|| command.env_remove(&name));
        }
        let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let tested = run(env!("CARGO"), &["test"]);
    assert!(tested.contains("2 passed"), "{tested}");
    run(&project.join("build.sh").display().to_string(), &[]);
    let component = project.join("lookup.wasm").display().to_string();
    let tested = Cli::bare(&["components", "test", &component]).within(&project).run().exited(0);
    assert!(tested.stdout.contains("3 calls, 0 failed"), "{tested:?}");
    let guide = fs::read_to_string(workspace().join("docs/handlers.md")).expect("the guide");
    let shown = guide.split_once("$ openclaw components test greeter.wasm\n").expect("the command is in the guide").1;
    let shown = shown.split_once("```").expect("the end of its output").0;
    assert_eq!(without_times(shown), without_times(&tested.stdout), "docs/handlers.md shows what is printed");
    let report = Cli::bare(&["components", "check", &component, "--json"]).run().exited(0).json();
    assert_eq!((&report["warnings"], &report["grants"]), (&json!([]), &json!([])), "{report}");
}

/// The cells of what `components test` prints, but for microseconds and host calls, which are others each time: a tick
/// of the clock that a call runs into counts as one.
fn without_times(printed: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        let mut cells: Vec<String> =
            cells.map(|cell| cell.split_once(" (").map_or(cell, |(name, _)| name).to_owned()).collect();
        if let [name, micros, _, host_calls, ..] = cells.as_mut_slice()
            && !matches!(name.as_str(), "CALL" | "limit")
            && *micros != "-"
        {
            "…".clone_into(micros);
            "…".clone_into(host_calls);
        }
        cells
    };
    printed.lines().map(cells).collect()
}

#[test]
fn bench_counts_what_calls_take_beside_the_limits() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("calls.yaml"), super::components::CALLS).expect("the calls");
    let echo = fixture("echo").display().to_string();
    let bench = |more: &[&str]| {
        Cli::bare(&[&["components", "bench", &echo, "--times", "3"], more].concat())
            .within(folder.path())
            .run()
            .exited(0)
    };
    let [first, second] = [bench(&["--json"]).json(), bench(&["--json"]).json()];
    let call = &first["calls"][0];
    assert!(call["instructions"].as_u64() > Some(1000), "{first}");
    assert_eq!(call["instructions"], second["calls"][0]["instructions"], "the same call takes the same instructions");
    assert!(call["memoryBytes"].as_u64() < first["limits"]["memoryBytes"].as_u64(), "{first}");
    assert!(call["hostCalls"].is_u64() && call["p50Micros"].as_u64() <= call["p99Micros"].as_u64(), "{first}");
    assert!(first["calls"][1].get("instructions").is_none(), "refused by its schema, it never ran: {first}");
    let table = bench(&[]).stdout;
    assert!(table.starts_with("CALL") && table.contains("answers the text") && table.contains("\nlimit"), "{table}");
}

#[test]
fn bench_measures_nothing_that_does_not_answer_as_it_should() {
    let folder = tempfile::tempdir().expect("a folder");
    let wrong = super::components::CALLS.replace("{ text: hello } }\n- method", "{ text: bye } }\n- method");
    assert_ne!(wrong, super::components::CALLS);
    fs::write(folder.path().join("calls.yaml"), wrong).expect("the calls");
    let echo = fixture("echo").display().to_string();
    let failed = Cli::bare(&["components", "bench", &echo]).within(folder.path()).run().exited(1);
    assert!(failed.stderr.contains("answers the text"), "{failed:?}");
}

/// A project whose build is a copy.
fn project(folder: &Path, build: &str) {
    let yaml = format!("build: {build}\ncomponent: out.wasm\nwatch: [source.wasm]\n");
    fs::write(folder.join("component.yaml"), yaml).expect("the project");
    fs::write(folder.join("source.wasm"), swap("ok00001")).expect("the source");
}

#[test]
fn dev_swaps_every_change_in_for_one_tenant() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path(), "cp source.wasm out.wasm");
    let arguments = ["components", "dev", "--tenant", "a", "--yes"];
    let mut dev = Cli::on(daemon.home().path(), &arguments).within(folder.path()).start();
    assert!(dev.line().contains("takes the calls"));
    assert_eq!(a.ok("swap.version", json!({}))["first"], "swap-version-ok00001");
    fs::write(folder.path().join("source.wasm"), swap("ok00002")).expect("the change");
    assert!(dev.line().contains("swapped in"));
    assert_eq!(a.ok("swap.version", json!({}))["first"], "swap-version-ok00002");
    assert_eq!(b.err("swap.version", json!({})).code, -32601, "another tenant has no such method");
}

#[test]
fn dev_leaves_a_tenant_what_it_has_where_a_build_fails_or_is_refused() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    let folder = tempfile::tempdir().expect("a folder");
    let once = || {
        let arguments = ["components", "dev", "--tenant", "a", "--yes", "--once"];
        Cli::on(daemon.home().path(), &arguments).within(folder.path()).run()
    };
    project(folder.path(), "cp source.wasm out.wasm");
    let built = once().exited(0);
    assert!(built.stderr.contains("Note: building: cp source.wasm out.wasm"), "{built:?}");
    project(folder.path(), "cp source.wasm out.wasm && echo broken >&2 && false");
    let failed = once().exited(1);
    assert!(failed.stderr.contains("broken") && failed.stderr.contains("the build failed"), "{failed:?}");
    project(folder.path(), "head -c 100 source.wasm > out.wasm");
    once().exited(1);
    assert_eq!(a.ok("swap.version", json!({}))["first"], "swap-version-ok00001");
}

#[test]
fn dev_wants_a_project() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = Cli::bare(&["components", "dev", "--tenant", "a"]).within(folder.path()).run().exited(3);
    assert!(missing.stderr.contains("component.yaml") && missing.stderr.contains("components new"), "{missing:?}");
}

#[test]
fn c_bindings_are_made_of_a_new_projects_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    new(folder.path(), &["lookup", "--lang", "c"]).exited(0);
    let bindings = |arguments: &[&str]| {
        let verb = ["components", "c-bindings", "lookup/wit", "--output", "bindings"];
        Cli::bare(&[&verb, arguments].concat()).within(folder.path()).run()
    };
    bindings(&[]).exited(0);
    let header = fs::read_to_string(folder.path().join("bindings/handler.h")).expect("the header");
    assert!(header.contains("exports_openclaw_gateway_component_handle"), "{header}");
    let unknown = bindings(&["--world", "nowhere"]).exited(1);
    assert!(unknown.stderr.contains("nowhere"), "{unknown:?}");
}

#[test]
fn encode_wants_a_module_of_a_component() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("component.wasm"), built("fixtures/echo.wasm")).expect("a file");
    let refused =
        Cli::bare(&["components", "encode", "component.wasm", "--output", "x.wasm"]).within(folder.path()).run();
    let refused = refused.exited(1);
    assert!(refused.stderr.contains("cannot be made a component"), "{refused:?}");
    assert!(!folder.path().join("x.wasm").exists(), "nothing is written");
}
