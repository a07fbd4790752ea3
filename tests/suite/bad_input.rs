//! What a person gets wrong, and what they are told.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt};

use rustix::process::Signal;

use crate::contract::*;

fn failed(home: Home) -> openclaw_tests::Failed {
    *Daemon::start_on(home).err().unwrap_or_else(|| panic!("it started"))
}

#[test]
fn an_unknown_key_is_told_with_file_line_column_and_what_was_meant() {
    let home = Home::with_config("gateway:\n  listn: 127.0.0.1:1\n");
    let file = home.path().join("config.yaml");
    let failed = failed(home);
    assert_eq!(failed.code, Some(8), "{failed}");
    assert!(failed.log.contains(&format!("{}:2:3", file.display())), "{failed}");
    assert!(failed.log.contains("gateway.listn") && failed.log.contains("did you mean \"listen\""), "{failed}");
}

#[test]
fn config_validate_says_the_same_and_each_error_once() {
    let home =
        Home::with_config("gatway: {}\ngateway:\n  limits: {batch: 0}\nquotas:\n  default: {tokens_per_dya: 5}\n");
    let told = home.cli(&["config", "validate"]).exited(8);
    for (place, key) in
        [("config.yaml:1:1", "gatway"), ("config.yaml:3:", "batch"), ("config.yaml:5:", "tokens_per_dya")]
    {
        assert!(told.stderr.contains(place) && told.stderr.contains(key), "{place} {key}: {told:?}");
    }
    assert!(told.stderr.starts_with("Error: ") && told.stderr.contains("Hint: "), "{told:?}");
}

#[test]
fn a_time_zone_that_is_none_is_told_before_the_next_start_fails() {
    let home = Home::with_config("billing:\n  timezone: Mars/Base\n");
    let told = home.cli(&["config", "validate"]).exited(8);
    assert!(told.stderr.contains("config.yaml:2:") && told.stderr.contains("Mars/Base"), "{told:?}");
}

#[test]
fn a_configuration_that_is_a_link_to_nothing_is_told() {
    let home = Home::warm();
    std::os::unix::fs::symlink("/nowhere/config.yaml", home.path().join("config.yaml")).expect("a link");
    let told = home.cli(&["config", "validate"]);
    assert_ne!(told.code, 0, "{told:?}");
    assert!(told.stderr.contains("config.yaml"), "{told:?}");
}

#[test]
fn a_setting_without_effect_is_told_by_name_when_checked_and_when_started() {
    let config = "gateway:\n  limits: {batch: 7}\nbackup:\n  target: /backups\nnodes:\n  allow_commands: [camera.snap]\nmodels:\n  providers: [{id: a, kind: openai, api_key: sk-canary}]\n";
    let home = Home::with_config(config);
    let told = home.cli(&["config", "validate"]).exited(0);
    for warning in
        ["config.yaml:3:1: backup has no effect yet", "config.yaml:6:3: nodes.allow_commands has no effect yet"]
    {
        assert!(told.stderr.contains(&format!("Warning: {}/{warning}", home.path().display())), "{told:?}");
    }
    assert_eq!(told.stderr.lines().count(), 2, "{told:?}");
    let told = home.cli(&["config", "validate", "--json"]).exited(0);
    assert_eq!(pluck(&told.json()["warnings"], "key"), ["backup", "nodes.allow_commands"], "{told:?}");
    let daemon = Daemon::start_on(home).expect("it starts");
    daemon.wait_for_log("backup has no effect yet");
    daemon.wait_for_log("nodes.allow_commands has no effect yet");
    assert!(!daemon.log().contains("sk-canary"));
}

#[test]
fn a_component_file_that_is_not_there_is_told_before_the_next_start_fails() {
    let config = "components:\n  load:\n    - /nowhere/greeter.wasm\n    - /tmp\n";
    let home = Home::with_config(config);
    let file = home.path().join("config.yaml").display().to_string();
    let told = home.cli(&["config", "validate"]).exited(8);
    for error in [
        "3:7: components.load[0]: /nowhere/greeter.wasm cannot be read: No such file or directory",
        "4:7: components.load[1]: /tmp cannot be read: Is a directory",
    ] {
        assert!(told.stderr.contains(&format!("{file}:{error}")), "{told:?}");
    }
    let told = openclaw_tests::cli::Cli::on(home.path(), &["serve", "--check", "--listen", "127.0.0.1:0"]).run();
    assert!(told.exited(8).stderr.contains("/nowhere/greeter.wasm"));
    home.configure("");
    let daemon = Daemon::start_on(home).expect("it starts");
    daemon.home().configure(&format!("quotas:\n  default: {{requests_per_minute: 1}}\n{config}"));
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("/nowhere/greeter.wasm cannot be read");
    daemon.wait_for_log("the configuration stays as it was");
    let tenant = daemon.tenant("acme");
    tenant.done("health", json!({}));
    tenant.done("health", json!({}));
}

#[test]
fn a_file_that_a_provider_names_and_that_is_not_there_is_told() {
    let home = Home::with_config(
        "models:\n  providers:\n    - {id: a, kind: scripted, script: /nowhere/script.yaml}\n    \
         - {id: b, kind: openai, api_key_file: /nowhere/key}\n",
    );
    for arguments in [&["config", "validate"][..], &["serve", "--check", "--listen", "127.0.0.1:0"]] {
        let told = home.cli(arguments).exited(8);
        for error in [
            "models.providers[0].script: /nowhere/script.yaml cannot be read: No such file or directory",
            "models.providers[1].api_key_file: /nowhere/key cannot be read: No such file or directory",
        ] {
            assert!(told.stderr.contains(error), "{told:?}");
        }
    }
}

/// `serve` would not start with it, so that nothing else may call the configuration valid.
#[test]
fn a_script_that_cannot_be_understood_is_told_by_all_that_check_and_needed_by_no_report() {
    let home = Home::warm();
    let script = home.path().join("script.yaml");
    fs::write(&script, "answers:\n  - {txt: [typo]}\n").expect("a script");
    home.configure(&format!("models:\n  providers:\n    - {{id: a, kind: scripted, script: {script:?}}}\n"));
    let wrong = ["models.providers: a: ", "script.yaml:2:", "txt"];
    for arguments in [
        &["config", "validate"][..],
        &["serve", "--check", "--listen", "127.0.0.1:0"],
        &["serve", "--listen", "127.0.0.1:0"],
        &["tenants", "list"],
    ] {
        let told = home.cli(arguments).exited(8);
        assert!(wrong.iter().all(|part| told.stderr.contains(part)), "{arguments:?}: {told:?}");
    }
    let doctor = home.cli(&["doctor"]);
    assert!(wrong.iter().all(|part| doctor.stdout.contains(part)), "{doctor:?}");
    home.cli(&["billing", "report"]).exited(0);
}

/// A configuration may come from elsewhere, where there are other tools: it is told, and no error.
#[test]
fn a_name_that_is_no_tools_is_told_by_all_that_check_and_by_the_log() {
    let home = Home::with_config("tools:\n  deny: [exek]\n");
    let told = "tools.deny[0] names no tool that comes with the gateway: \"exek\" (did you mean \"exec\"?)";
    assert!(home.cli(&["config", "validate"]).exited(0).stderr.contains(told));
    let checked = home.cli(&["serve", "--check", "--listen", "127.0.0.1:0"]).exited(0);
    assert!(checked.stderr.contains(told), "{checked:?}");
    let doctor = home.cli(&["doctor"]);
    assert!(doctor.stdout.contains(told), "{doctor:?}");
    let daemon = Daemon::start_on(home).expect("it starts");
    daemon.wait_for_log("names no tool that comes with the gateway");
}

#[test]
fn a_provider_without_a_key_and_a_default_model_without_a_price_are_told() {
    let with = |more: &str| {
        let config = "models:\n  default: a/small\n  providers:\n    - {id: a, kind: openai, models: [small]}\n    \
                      - {id: own, kind: openai, base_url: 'http://127.0.0.1:1/v1'}\n";
        let told = Home::with_config(&format!("{config}{more}")).cli(&["config", "validate", "--json"]).exited(0);
        pluck(&told.json()["warnings"], "key")
    };
    assert_eq!(with(""), ["models.providers[0]", "models.default"]);
    let priced = "billing:\n  rate_card:\n    small: {input: 1, output: 2}\n";
    assert_eq!(with(priced), ["models.providers[0]"]);
}

#[test]
fn a_variable_of_the_environment_that_sets_nothing_is_told_with_what_was_meant() {
    let told = openclaw_tests::cli::Cli::on(Home::warm().path(), &["config", "validate"])
        .env("OPENCLAW_GATEWAY_LISTN", "127.0.0.1:1")
        .run();
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.stderr.contains("Warning: env OPENCLAW_GATEWAY_LISTN: "), "{told:?}");
    assert!(told.stderr.contains("did you mean OPENCLAW_GATEWAY_LISTEN?"), "{told:?}");
    let started = Daemon::start_as(Home::warm(), |command| {
        command.args(["--listen", "127.0.0.1:0"]).env("OPENCLAW_DURABILTY", "power-safe")
    });
    started.expect("it starts").wait_for_log("did you mean OPENCLAW_DURABILITY?");
}

#[test]
fn what_is_no_yaml_is_told_with_its_place() {
    for config in ["gateway: [\n", "a: 1\na: 2\n", "gateway:\n\tlisten: x\n", "- a\n"] {
        let failed = failed(Home::with_config(config));
        assert_eq!(failed.code, Some(8), "{config:?}: {failed}");
        assert!(failed.log.contains("config.yaml"), "{config:?}: {failed}");
    }
}

#[test]
fn a_port_in_use_is_told_and_by_whom() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let failed =
        Daemon::start_as(Home::warm(), |command| command.args(["--listen", &address])).expect_err("it started");
    assert_eq!(failed.code, Some(5), "{failed}");
    assert!(failed.log.contains(&address) && failed.log.contains("in use"), "{failed}");
    assert!(failed.log.contains(&format!("pid {}", std::process::id())), "{failed}");
    assert!(!failed.log.contains("listening on"), "{failed}");
}

#[test]
fn a_home_that_another_daemon_holds_is_refused_with_its_pid() {
    let daemon = Daemon::start();
    let path = daemon.home().path().to_string_lossy().into_owned();
    let second = openclaw_tests::cli::Cli::bare(&["serve", "--home", &path, "--listen", "127.0.0.1:0"]).run();
    assert_eq!(second.code, 5, "{second:?}");
    assert!(second.stderr.contains(&daemon.pid().to_string()) && second.stderr.contains(&path), "{second:?}");
    daemon.tenant("acme").done("health", json!({}));
}

#[test]
fn a_home_whose_daemon_was_killed_is_free() {
    let mut daemon = Daemon::start();
    let _tenant = daemon.tenant("acme");
    daemon.kill();
    assert!(daemon.home().path().join("daemon.lock").exists());
    let daemon = daemon.restarted();
    assert_eq!(pluck(&daemon.operator().ok("tenants.list", json!({}))["tenants"], "tenantId"), ["acme"]);
}

#[test]
fn a_damaged_control_db_is_refused_untouched_and_with_advice() {
    let daemon = Daemon::start();
    for n in 0..20 {
        let _ = daemon.tenant(&format!("t{n}"));
    }
    let mut daemon = daemon;
    daemon.terminate();
    let home = daemon.into_home();
    let path = home.path().join("control.db");
    let mut content = fs::read(&path).expect("control.db");
    content[..100].fill(0xff);
    fs::write(&path, &content).expect("a damaged one");
    for verb in [&["tenants", "list"][..], &["tenants", "create", "new"]] {
        let told = home.cli(verb).exited(1);
        assert!(told.stderr.contains("control.db"), "{told:?}");
    }
    let failed = failed(home);
    assert_eq!(failed.code, Some(1), "{failed}");
    assert!(failed.log.contains("control.db") && failed.log.contains("Hint: "), "{failed}");
    assert_eq!(fs::read(&path).expect("control.db"), content, "the file was touched");
}

#[test]
fn a_control_db_whose_pages_are_damaged_is_refused_too() {
    let daemon = Daemon::start();
    for n in 0..40 {
        let _ = daemon.tenant(&format!("t{n}"));
    }
    let mut daemon = daemon;
    daemon.terminate();
    let home = daemon.into_home();
    let path = home.path().join("control.db");
    let mut content = fs::read(&path).expect("control.db");
    let length = content.len();
    content[4096..length].fill(0x5a);
    fs::write(&path, &content).expect("a damaged one");
    let failed = failed(home);
    assert_eq!(failed.code, Some(1), "{failed}");
    assert_eq!(fs::read(&path).expect("control.db"), content, "the file was touched");
}

#[test]
fn a_key_that_is_missing_beside_tenants_is_refused_and_not_made_anew() {
    let mut daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    daemon.terminate();
    let home = daemon.into_home();
    let key = home.path().join("secret.key");
    let kept = fs::read(&key).expect("the key");
    fs::remove_file(&key).expect("the key is removed");
    let told = home.cli(&["tenants", "list"]).exited(1);
    assert!(told.stderr.contains("secret.key is missing"), "{told:?}");
    let failed = failed(home);
    assert_eq!(failed.code, Some(1), "{failed}");
    assert!(failed.log.contains("secret.key is missing") && failed.log.contains("put it back"), "{failed}");
    assert!(!key.exists(), "a key was made that opens nothing");
    fs::write(&key, kept).expect("the key is put back");
    let daemon = Daemon::start_on(failed.home).expect("it starts again");
    daemon.client(tenant.token()).done("health", json!({}));
}

#[test]
fn a_damaged_overlay_fails_that_tenants_calls_alone_and_by_name() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    for overlay in ["ui: [\n", "gateway: {listen: '0.0.0.0:1'}\n", "nonsense: 1\n", "\u{0}\u{0}"] {
        fs::write(daemon.home().tenant("a").join("config.yaml"), overlay).expect("an overlay");
        let error = a.err("agents.list", json!({}));
        assert!(error.to_string().contains("config"), "{overlay:?}: {error}");
        b.done("agents.list", json!({}));
    }
    let daemon = daemon.restarted();
    daemon.client(b.token()).done("agents.list", json!({}));
    assert!(daemon.client(a.token()).call("agents.list", json!({})).is_err());
}

#[test]
fn a_home_that_cannot_be_is_told() {
    let told = openclaw_tests::cli::Cli::bare(&["serve", "--home", "/proc/nowhere", "--listen", "127.0.0.1:0"]).run();
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.stderr.starts_with("Error: ") && told.stderr.contains("/proc/nowhere"), "{told:?}");
}

#[test]
fn an_address_that_is_none_is_told() {
    for address in ["nonsense", "127.0.0.1", "127.0.0.1:99999", "localhost:18789"] {
        let told = openclaw_tests::cli::Cli::bare(&["serve", "--listen", address]).run().exited(2);
        let error = format!(
            "Error: invalid value '{address}' for '--listen <ADDRESS>': it takes an IP address and a port, \
             127.0.0.1:18789 for instance\n"
        );
        assert!(told.stderr.starts_with(&error), "{told:?}");
    }
    let exposed =
        Daemon::start_as(Home::warm(), |command| command.args(["--listen", "203.0.113.1:1"])).expect_err("it started");
    assert_eq!(exposed.code, Some(8), "{exposed}");
    assert!(exposed.log.contains("Error: command line: gateway.listen is reachable from outside"), "{exposed}");
}

/// `./bootstrap run` with stand-ins for what takes long or needs root: `just build` has been done, and bubblewrap is
/// there.
fn bootstrap_run(flags: &[&str], home: &Home) -> openclaw_tests::Output {
    let checkout = tempfile::tempdir().expect("a checkout");
    let at = |path: &str| checkout.path().join(path);
    fs::create_dir_all(at("target/release")).expect("a folder");
    fs::create_dir_all(at("bin")).expect("a folder");
    for file in ["bootstrap", "Cargo.toml"] {
        fs::copy(openclaw_tests::workspace().join(file), at(file)).expect("a file of the project");
    }
    std::os::unix::fs::symlink(openclaw_tests::program(), at("target/release/openclaw")).expect("the program");
    for tool in ["just", "bwrap"] {
        fs::write(at("bin").join(tool), "#!/bin/sh\n").expect("a stand-in");
        fs::set_permissions(at("bin").join(tool), fs::Permissions::from_mode(0o755)).expect("its mode");
    }
    let path = format!("{}:{}", at("bin").display(), std::env::var("PATH").expect("PATH"));
    let output = std::process::Command::new(at("bootstrap"))
        .arg("run")
        .args(flags)
        .env("PATH", path)
        .env("OPENCLAW_HOME", home.path())
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it runs");
    openclaw_tests::Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn bootstrap_run_makes_nothing_for_wrong_flags_or_a_port_that_is_taken() {
    let home = Home::empty();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    for (flags, code, said) in [
        (&["--lisen", "127.0.0.1:0"][..], 2, "--listen"),
        (&["--listen", "nowhere"], 2, "--listen"),
        (&["--listen", "0.0.0.0:0"], 8, "allow_plaintext_remote"),
        (&["--listen", &address], 5, "is in use"),
    ] {
        let output = bootstrap_run(flags, &home).exited(code);
        assert!(output.stderr.contains(said), "{output:?}");
        assert!(!output.stdout.contains("tk_demo_"), "a tenant was made: {output:?}");
        assert_eq!(home.files(), Vec::<std::path::PathBuf>::new(), "{flags:?} left something behind");
    }
}

#[test]
fn a_quota_that_is_no_number_is_refused_with_its_flag_and_an_example() {
    let home = Home::warm();
    for (flag, text, example) in [
        ("--quota.requests-per-minute", "lots", "--quota.requests-per-minute 600"),
        ("--quota.cost-per-day-usd", "much", "--quota.cost-per-day-usd 2.50"),
        ("--quota.requests-per-minute", "-5", "--quota.requests-per-minute 600"),
        ("--quota.cost-per-day-usd", "-2.5", "--quota.cost-per-day-usd 2.50"),
    ] {
        let output = home.cli(&["tenants", "quota", "set", "acme", flag, text]).exited(2);
        let error = format!("Error: {flag} {text:?}: it takes a ");
        assert!(output.stderr.starts_with(&error), "{output:?}");
        assert!(output.stderr.contains(&format!("Hint: {example}")), "{output:?}");
    }
}
