//! `sandbox.run`: a command in the tenant's sandbox, to its end.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("sandbox.run", |_| json!({ "command": ["true"] }));
}

/// The result of a shell script.
fn shell(tenant: &Tenant, script: &str) -> Value {
    tenant.ok("sandbox.run", json!({ "command": ["sh", "-c", script] }))
}

#[test]
fn answers_what_the_command_wrote_and_how_it_ended() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let ran = shell(&tenant, "echo out; echo err >&2; exit 7");
    has_fields(&ran, "exitCode signal? reason stdout stderr truncated usage mode");
    has_fields(&ran["usage"], "cpuMs peakMemoryBytes wallMs");
    assert_eq!((&ran["exitCode"], &ran["reason"]), (&json!(7), &json!("exit")), "{ran}");
    assert_eq!((&ran["stdout"], &ran["stderr"]), (&json!("out\n"), &json!("err\n")));
    assert_eq!((&ran["truncated"], &ran["mode"]), (&json!(false), &json!("bwrap")));
    let killed = shell(&tenant, "kill -9 $$");
    assert_eq!((&killed["exitCode"], &killed["signal"]), (&Value::Null, &json!(9)), "{killed}");
}

#[test]
fn gets_its_input_its_directory_and_its_exact_environment() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    shell(&tenant, "mkdir -p notes");
    let params = json!({
        "command": ["sh", "-c", "cat; pwd; env | sort"],
        "cwd": "/work/notes", "stdin": "given\n", "env": { "GREETING": "hello" },
    });
    let ran = tenant.ok("sandbox.run", params);
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let expected = format!("given\n/work/notes\nGREETING=hello\nHOME=/work\n{path}\nPWD=/work/notes\n");
    assert_eq!(ran["stdout"], expected, "{ran}");
}

#[test]
fn keeps_the_workspace_for_the_next_and_nothing_else() {
    let daemon = Daemon::start();
    let (tenant, other) = (daemon.tenant("acme"), daemon.tenant("other"));
    assert_eq!(shell(&tenant, "echo kept > /work/file; echo gone > /tmp/file")["exitCode"], 0);
    let found = shell(&tenant, "cat /work/file; cat /tmp/file");
    assert_eq!(found["stdout"], "kept\n", "{found}");
    let path = daemon.home().tenant("acme").join("sandbox/work/file");
    assert_eq!(std::fs::read_to_string(path).expect("the file"), "kept\n");
    assert_eq!(shell(&other, "ls -A /work")["stdout"], "", "another tenant's workspace is another");
}

#[test]
fn sees_neither_the_host_nor_its_network() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let ran = shell(&tenant, "cat /proc/1/environ; ls /home /root /sys 2>&1; touch /usr/x /etc/x; echo $?; ls /proc | grep -c '^[0-9]'");
    let text = ran.to_string();
    assert!(text.contains("Read-only file system"), "{text}");
    assert!(!text.contains(&*daemon.home().path().to_string_lossy()), "{text}");
    let port = daemon.address().port();
    let network = shell(&tenant, &format!("exec 3<>/dev/tcp/127.0.0.1/{port}"));
    assert_ne!(network["exitCode"], 0, "{network}");
}

#[test]
fn a_command_that_is_not_there_does_not_start() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let ran = tenant.ok("sandbox.run", json!({ "command": ["no-such-program"] }));
    assert_eq!((&ran["reason"], &ran["exitCode"]), (&json!("failed-to-start"), &Value::Null), "{ran}");
    assert!(ran["stderr"].as_str().is_some_and(|said| said.contains("no-such-program")), "{ran}");
}

#[test]
fn a_limit_ends_it_by_its_name() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let run = |script: &str, limits: Value| {
        tenant.ok("sandbox.run", json!({ "command": ["bash", "-c", script], "limits": limits }))
    };
    let slow = run("sleep 60", json!({ "wallMs": 200 }));
    assert_eq!((&slow["reason"], &slow["exitCode"]), (&json!("timeout"), &Value::Null), "{slow}");
    let loud = run("head -c 100000 /dev/zero | tr '\\0' x", json!({ "outputBytes": 1000 }));
    assert_eq!((&loud["reason"], &loud["truncated"]), (&json!("output_limit"), &json!(true)));
    assert_eq!(loud["stdout"].as_str().map(str::len), Some(1000));
    let large = run("head -c 200M /dev/zero | tail", json!({ "memoryBytes": 16 << 20 }));
    assert_eq!(large["reason"], "oom", "{large}");
}

#[test]
fn asks_for_no_more_than_the_tenant_gets() {
    let daemon = Daemon::start_with("sandbox: {wall_seconds: 5, mode: bwrap}\n");
    let tenant = daemon.tenant("acme");
    tenant.done("config.patch", json!({ "raw": "{sandbox: {pids: 20}}" }));
    for (limits, named) in [(json!({ "wallMs": 5001 }), "wallMs"), (json!({ "pids": 21 }), "pids")] {
        let error = tenant.err("sandbox.run", json!({ "command": ["true"], "limits": limits }));
        assert_eq!(error.name(), "FORBIDDEN", "{error}");
        assert!(error.message.contains(named), "{error}");
    }
    let operator = daemon.operator();
    operator.done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": { "sandbox": { "memory_mb": 8 } } }));
    let error = tenant.err("sandbox.run", json!({ "command": ["true"], "limits": { "memoryBytes": 9 << 20 } }));
    assert!(error.message.contains("memoryBytes"), "{error}");
    for (limits, named) in [(json!({ "wallMs": 0 }), "wallMs"), (json!({ "wall": 1 }), "wall")] {
        let error = tenant.err("sandbox.run", json!({ "command": ["true"], "limits": limits }));
        assert!(error.code == -32602 && error.message.contains(named), "{error}");
    }
}

#[test]
fn wants_a_command_and_a_directory_of_its_own() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    for params in [
        json!({ "command": [] }),
        json!({ "command": "true" }),
        json!({ "command": ["a\u{0}b"] }),
        json!({ "command": ["true"], "cwd": "../other" }),
        json!({ "command": ["true"], "cwd": "/etc" }),
        json!({ "command": ["true"], "env": { "A=B": "c" } }),
        json!({ "command": ["true"], "mode": "chroot" }),
    ] {
        let error = tenant.err("sandbox.run", params.clone());
        assert_eq!((error.code, error.name()), (-32602, "INVALID_REQUEST"), "{params}: {error}");
    }
}

#[test]
fn the_operator_names_the_tenant_whose_sandbox_it_is() {
    let daemon = Daemon::start();
    let _tenant = daemon.tenant("acme");
    let error = daemon.operator().err("sandbox.run", json!({ "command": ["true"] }));
    assert_eq!(error.code, -32602, "{error}");
    daemon.operator_for("acme").done("sandbox.run", json!({ "command": ["true"] }));
}
