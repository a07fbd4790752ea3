//! `openclaw sandbox …`, beside a daemon and without one.

use openclaw_tests::{Output, cli::Cli};

use crate::contract::*;

fn both(steps: impl Fn(&Home)) {
    let daemon = Daemon::start();
    let _tenant = daemon.tenant("acme");
    steps(daemon.home());
    let home = Home::warm();
    home.cli(&["tenants", "create", "acme"]).exited(0);
    steps(&home);
}

fn run(home: &Home, arguments: &[&str]) -> Output {
    home.cli(&[&["sandbox", "run", "--tenant", "acme"], arguments].concat())
}

#[test]
fn a_command_writes_where_we_do_and_its_end_is_the_exit_code() {
    both(|home| {
        let fine = run(home, &["--", "sh", "-c", "echo out; echo err >&2"]).exited(0);
        assert_eq!((fine.stdout.as_str(), fine.stderr.as_str()), ("out\n", "err\n"));
        let failed = run(home, &["--", "sh", "-c", "exit 7"]).exited(7);
        assert!(failed.stderr.contains("ended with exit code 7"), "{failed:?}");
        let unended = run(home, &["--", "sh", "-c", "printf why >&2; exit 7"]).exited(7);
        assert!(unended.stderr.starts_with("why\nError: "), "{unended:?}");
        let slow = run(home, &["--seconds", "1", "--", "sleep", "60"]).exited(124);
        assert!(slow.stderr.contains("took too long"), "{slow:?}");
        let killed = run(home, &["--", "sh", "-c", "kill -9 $$"]).exited(137);
        assert!(killed.stderr.contains("ended by signal 9"), "{killed:?}");
        let missing = run(home, &["--", "no-such-program"]).exited(125);
        assert!(missing.stderr.contains("did not start"), "{missing:?}");
        let document = run(home, &["--json", "--", "sh", "-c", "exit 7"]).exited(7).json();
        assert_eq!((&document["exitCode"], &document["reason"]), (&json!(7), &json!("exit")));
    });
}

#[test]
fn it_is_given_a_directory_variables_and_input() {
    let home = Home::warm();
    home.cli(&["tenants", "create", "acme"]).exited(0);
    run(&home, &["--", "mkdir", "notes"]).exited(0);
    let arguments = [
        "sandbox",
        "run",
        "--tenant",
        "acme",
        "--cwd",
        "notes",
        "--env",
        "GREETING=hello",
        "--input",
        "-",
        "--",
        "sh",
        "-c",
        "pwd; echo $GREETING; cat",
    ];
    let output = Cli::on(home.path(), &arguments).input("given").run().exited(0);
    assert_eq!(output.stdout, "/work/notes\nhello\ngiven");
}

#[test]
fn the_operator_lists_what_runs_and_ends_it() {
    let daemon = Daemon::start();
    let home = daemon.home();
    let empty = home.cli(&["sandbox", "list"]).exited(0);
    assert!(empty.stdout.is_empty() && empty.stderr.contains("nothing runs"), "{empty:?}");
    let id = daemon.tenant("acme").ok("terminal.spawn", json!({}))["terminalId"].as_str().expect("an id").to_owned();
    assert_eq!(home.cli(&["sandbox", "list", "--quiet"]).exited(0).stdout, format!("{id}\n"));
    let table = home.cli(&["sandbox", "list"]).exited(0).stdout;
    assert!(table.contains("TENANT") && table.contains("acme") && table.contains("terminal"), "{table}");
    assert_eq!(home.cli(&["sandbox", "kill", &id]).exited(0).stdout, format!("{id} has ended\n"));
    home.cli(&["sandbox", "kill", &id]).exited(3);
    assert_eq!(home.cli(&["sandbox", "list", "--json"]).exited(0).json(), json!({ "sandboxes": [] }));
}

#[test]
fn what_is_refused_has_the_exit_code_of_its_kind() {
    let home = Home::warm();
    home.cli(&["tenants", "create", "acme"]).exited(0);
    home.cli(&["sandbox", "run", "--", "true"]).exited(2);
    home.cli(&["sandbox", "run", "--tenant", "acme"]).exited(2);
    run(&home, &["--mode", "chroot", "--", "true"]).exited(2);
    run(&home, &["--env", "nothing", "--", "true"]).exited(2);
    home.cli(&["sandbox", "run", "--tenant", "nobody", "--", "true"]).exited(3);
    home.cli(&["tenants", "quota", "set", "acme", "--quota.sandbox-seconds-per-day", "1"]).exited(0);
    run(&home, &["--", "sleep", "60"]).exited(124);
    run(&home, &["--", "true"]).exited(6);
}

#[test]
fn info_and_the_image_are_told_in_words_and_as_json() {
    both(|home| {
        let told = home.cli(&["sandbox", "info", "--tenant", "acme"]).exited(0).stdout;
        assert!(told.contains("limits.wallMs:") && told.contains("memory") && told.contains("tree:"), "{told}");
        let document = home.cli(&["sandbox", "info", "--tenant", "acme", "--json"]).exited(0).json();
        assert_eq!(document["mode"], "bwrap");
        let built = home.cli(&["sandbox", "image", "build", "--json"]).exited(0).json();
        has_fields(&built, "digest bytes packages");
        assert!(built["packages"]["bash"].is_string() && built["bytes"].as_u64() < Some(200 << 20), "{built}");
        assert!(told.contains(built["digest"].as_str().expect("a digest")), "{told}");
    });
}
