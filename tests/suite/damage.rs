//! Files that are damaged, lost or swapped: who notices, who is told, and what goes on being served.

use std::{fs, path::Path};

use crate::contract::*;

/// What doctor finds wrong beside the daemon, each as `check: message; advice`; it fails exactly then.
fn failures(daemon: &Daemon) -> Vec<String> {
    let told = daemon.cli(&["doctor", "--json"]);
    let report = told.json();
    let failed: Vec<String> = report["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .filter(|check| check["status"] == "fail")
        .map(|check| format!("{}: {}; {}", check["check"], check["message"], check["advice"]).replace('"', ""))
        .collect();
    assert_eq!((told.code != 0, report["ok"] == false), (!failed.is_empty(), !failed.is_empty()), "{told:?}");
    failed
}

fn only_failure(daemon: &Daemon) -> String {
    let failed = failures(daemon);
    assert_eq!(failed.len(), 1, "{failed:?}");
    failed.concat()
}

/// The lines of gateway.log that hold all of these.
fn logged(daemon: &Daemon, words: &[&str]) -> usize {
    let log = fs::read_to_string(daemon.home().path().join("gateway.log")).expect("the log");
    log.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
}

fn moved_away(file: &Path) -> impl FnOnce() + use<> {
    let aside = file.with_extension("aside");
    fs::rename(file, &aside).expect("it is moved away");
    let file = file.to_owned();
    move || fs::rename(aside, file).expect("it is put back")
}

#[test]
fn a_damaged_overlay_is_logged_once_a_change_and_found_by_doctor() {
    let daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    b.done("config.set", json!({ "raw": "skills: {entries: {x: {apiKey: sk-canary}}}\n" }));
    assert_eq!(failures(&daemon), Vec::<String>::new());
    let file = daemon.home().tenant("a").join("config.yaml");
    let words = ["\"tenant\":\"a\"", "\"file\":\"config.yaml\"", "\"level\":\"ERROR\""];
    for (n, overlay) in ["ui: [\n", "nonsense: 1\n"].into_iter().enumerate() {
        fs::write(&file, overlay).expect("an overlay");
        for _ in 0..3 {
            let _ = a.err("agents.list", json!({}));
        }
        assert_eq!(logged(&daemon, &words), n + 1, "{overlay:?}: {}", daemon.log());
    }
    tells_nobody_to_try_again(&a, "agents.list");
    let found = only_failure(&daemon);
    assert!(found.contains("tenants/a/config.yaml:1:1: nonsense") && found.contains("mend the file"), "{found}");
    assert!(!found.contains(".bak"), "there is no earlier version: {found}");
    daemon.cli(&["call", "config.set", "raw=", "--tenant", "a"]).exited(0);
    assert_eq!(failures(&daemon), Vec::<String>::new(), "what it advises mends it");
    fs::write(&file, "nonsense: 2\n").expect("an overlay");
    let found = only_failure(&daemon);
    assert!(found.contains("or put config.yaml.bak.1, which is beside it, in its place"), "{found}");
    assert!(daemon.home().tenant("a").join("config.yaml.bak.1").is_file());
}

/// What is damaged is not mended by calling again.
fn tells_nobody_to_try_again(tenant: &Client, method: &str) {
    let response = tenant.respond(method, &json!({}));
    let data = &response.json()["error"]["data"];
    assert_eq!((&data["code"], &data["retryable"]), (&json!("UNAVAILABLE"), &json!(false)), "{data}");
    assert_eq!((data.get("retryAfterMs"), response.header("retry-after")), (None, None), "{data}");
}

#[test]
fn a_damaged_family_database_is_logged_once_and_found_by_doctor() {
    let mut daemon = Daemon::start();
    let (a, b) = (daemon.tenant("a"), daemon.tenant("b"));
    for tenant in [&a, &b] {
        tenant.done("sessions.create", json!({ "label": "first" }));
    }
    daemon.terminate();
    let home = daemon.into_home();
    let file = home.tenant("a").join("sessions/state.db");
    let mut content = fs::read(&file).expect("the database");
    content[4096..].fill(0xAA);
    fs::write(&file, &content).expect("a damaged one");
    let daemon = Daemon::start_on(home).expect("it starts");
    let found = only_failure(&daemon);
    assert!(found.contains("tenants/a/sessions/state.db is damaged"), "{found}");
    assert!(found.contains("restore the file from a backup"), "{found}");
    let a = daemon.client(a.token());
    for _ in 0..3 {
        let error = a.err("sessions.list", json!({}));
        assert!(error.to_string().contains("the sessions database is damaged"), "{error}");
    }
    tells_nobody_to_try_again(&a, "sessions.list");
    let told = daemon.cli(&["call", "sessions.list", "--tenant", "a"]).exited(1);
    assert!(!told.stderr.contains("try again"), "{told:?}");
    let words = ["\"tenant\":\"a\"", "sessions/state.db", "\"level\":\"ERROR\"", "restored from a backup"];
    assert_eq!(logged(&daemon, &words), 1, "{}", daemon.log());
    a.done("agents.list", json!({}));
    daemon.client(b.token()).done("sessions.list", json!({}));
    assert_eq!(fs::read(&file).expect("the database"), content, "the file was touched");
}

#[test]
fn a_family_database_that_is_removed_under_the_daemon_is_found_and_not_made_anew() {
    let daemon = Daemon::start();
    let a = daemon.tenant("a");
    a.done("sessions.create", json!({ "label": "first" }));
    let file = daemon.home().tenant("a").join("sessions/state.db");
    fs::remove_file(&file).expect("the database is removed");
    let daemon = daemon.restarted();
    let a = daemon.client(a.token());
    let error = a.err("sessions.list", json!({}));
    assert!(error.to_string().contains("the sessions database is damaged"), "{error}");
    let found = only_failure(&daemon);
    assert!(found.contains("tenants/a/sessions/state.db is damaged: its file was removed or emptied"), "{found}");
    assert_eq!(logged(&daemon, &["\"tenant\":\"a\"", "its file was removed or emptied", "\"level\":\"ERROR\""]), 2);
    assert!(!file.exists(), "an empty one was made");
}

#[test]
fn a_damaged_index_is_found_by_doctor_which_says_what_mends_it() {
    let mut daemon = Daemon::start();
    let a = daemon.tenant("a");
    a.done("memory.put", json!({ "path": "memory/bills.md", "text": "The invoice of the bakery is due on Friday" }));
    assert_eq!(failures(&daemon), Vec::<String>::new(), "beside the daemon that has it open");
    daemon.terminate();
    let home = daemon.into_home();
    let file = home.tenant("a").join("memory/main.sqlite");
    let mut content = fs::read(&file).expect("the index");
    content[16_384..].fill(0xAA);
    fs::write(&file, &content).expect("a damaged one");
    let daemon = Daemon::start_on(home).expect("it starts");
    let found = only_failure(&daemon);
    assert!(found.contains("tenants/a/memory/main.sqlite is damaged"), "{found}");
    assert!(found.contains("`openclaw call memory.index agentId=<agent> force=true --tenant a`"), "{found}");
    daemon.cli(&["call", "memory.index", "agentId=main", "force=true", "--tenant", "a"]).exited(0);
    assert_eq!(failures(&daemon), Vec::<String>::new(), "what it advises mends it");
}

#[test]
fn a_control_db_that_is_missing_beside_tenants_is_refused_and_not_made_anew() {
    let mut daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let file = daemon.home().path().join("control.db");
    let put_back = moved_away(&file);
    let found = only_failure(&daemon);
    assert!(found.contains("control.db is missing") && found.contains("acme"), "{found}");
    assert!(found.contains("from a backup"), "{found}");
    put_back();
    daemon.terminate();
    let home = daemon.into_home();
    let put_back = moved_away(&file);
    let told = home.cli(&["tenants", "list"]).exited(1);
    assert!(told.stderr.contains("control.db is missing"), "{told:?}");
    let failed = *Daemon::start_on(home).expect_err("it started");
    assert_eq!(failed.code, Some(1), "{failed}");
    assert!(failed.log.contains("control.db is missing") && failed.log.contains("Hint: "), "{failed}");
    assert!(!file.exists(), "a registry was made that knows nobody");
    put_back();
    let daemon = Daemon::start_on(failed.home).expect("it starts again");
    daemon.client(tenant.token()).done("health", json!({}));
}

#[test]
fn a_tenant_without_a_directory_and_a_missing_key_are_found_by_doctor() {
    let daemon = Daemon::start();
    let _tenants = (daemon.tenant("acme"), daemon.tenant("beta"));
    let put_back = moved_away(&daemon.home().path().join("secret.key"));
    let found = only_failure(&daemon);
    assert!(found.contains("secret.key is missing") && found.contains("put it back from a backup"), "{found}");
    put_back();
    fs::remove_dir_all(daemon.home().tenant("acme")).expect("its directory is removed");
    let found = only_failure(&daemon);
    assert!(found.contains("tenants without a directory: acme"), "{found}");
}

#[test]
fn a_tenants_directory_that_is_removed_is_missing_and_no_damaged_configuration() {
    let daemon = Daemon::start();
    let (used, fresh) = (daemon.tenant("used"), daemon.tenant("fresh"));
    used.done("agents.list", json!({}));
    for tenant in [&used, &fresh] {
        fs::remove_dir_all(daemon.home().tenant(&tenant.id)).expect("its directory is removed");
        for method in ["agents.list", "config.get"] {
            let error = tenant.err(method, json!({}));
            assert!(error.to_string().contains("this tenant's directory is missing"), "{method}: {error}");
            tells_nobody_to_try_again(tenant, method);
        }
        daemon.cli(&["tenants", "delete", &tenant.id, "--confirm"]).exited(0);
    }
    assert_eq!(failures(&daemon), Vec::<String>::new());
}

#[test]
fn a_token_or_key_that_is_none_fails_doctor_with_what_mends_it() {
    let daemon = Daemon::start();
    for (name, content, found_there, mends) in [
        ("control-plane.token", "\n", "does not hold a token", "the next start makes a new one"),
        ("secret.key", "short", "does not hold a key of 32 bytes", "put it back from a backup"),
    ] {
        let file = daemon.home().path().join(name);
        let kept = fs::read(&file).expect("the file");
        fs::write(&file, content).expect("a damaged one");
        let found = only_failure(&daemon);
        assert!(found.contains(name) && found.contains(found_there) && found.contains(mends), "{found}");
        assert!(!found.contains("openclaw doctor"), "doctor sends its reader to doctor: {found}");
        fs::write(&file, kept).expect("it is put back");
    }
    assert_eq!(failures(&daemon), Vec::<String>::new());
}

#[test]
fn an_audit_log_that_is_removed_under_the_daemon_is_noticed_and_begun_anew() {
    let daemon = Daemon::start();
    let _tenants = (daemon.tenant("acme"), daemon.tenant("beta"));
    let file = daemon.home().path().join("audit.jsonl");
    let before = daemon.home().audit();
    let last = before.last().expect("an entry");
    fs::remove_file(&file).expect("the log is removed");
    let found = only_failure(&daemon);
    assert!(found.contains("audit.jsonl holds nothing, and there are tenants"), "{found}");
    daemon.operator().done("tenants.update", json!({ "tenantId": "acme", "disabled": true }));
    let entries = daemon.home().audit();
    assert_eq!(pluck(&json!(entries), "action"), ["audit.lost", "tenant.disable"]);
    assert_eq!(entries[0]["detail"]["loss"], "removed");
    assert_eq!((&entries[0]["detail"]["lastSeq"], &entries[0]["detail"]["lastHash"]), (&last["seq"], &last["hash"]));
    assert_eq!(logged(&daemon, &["\"level\":\"ERROR\"", "audit.jsonl was lost"]), 1, "{}", daemon.log());
    let report = daemon.cli(&["doctor", "--json"]).exited(0).json();
    let audit = report["checks"].as_array().and_then(|all| all.iter().find(|check| check["check"] == "audit"));
    let audit = audit.expect("the check of the audit log");
    assert_eq!(audit["status"], "warn", "{audit}");
    let lost = format!("the {} before them were lost", before.len());
    assert!(audit["message"].as_str().is_some_and(|message| message.contains(&lost)), "{audit}");
}

#[test]
fn an_audit_log_that_is_replaced_under_the_daemon_is_kept_beside_the_new_one() {
    let daemon = Daemon::start();
    let _tenant = daemon.tenant("acme");
    let file = daemon.home().path().join("audit.jsonl");
    fs::remove_file(&file).expect("the log is removed");
    fs::write(&file, "forged\n").expect("another has its name");
    daemon.operator().done("tenants.update", json!({ "tenantId": "acme", "disabled": true }));
    let entries = daemon.home().audit();
    assert_eq!(entries[0]["detail"]["loss"], "replaced", "{entries:?}");
    let aside = entries[0]["detail"]["setAside"].as_str().expect("where it is kept");
    assert_eq!(fs::read_to_string(daemon.home().path().join(aside)).expect("what was there"), "forged\n");
    openclaw_tenancy::Audit::verify(&file).unwrap_or_else(|fault| panic!("{fault}"));
}
