//! `disk_bytes`: what a tenant has on its disk, whichever way it writes.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::process::Signal;

use crate::{
    contract::*,
    reliability::{HOSTILE_GRANTS, config_with},
};

const MIB: usize = 1 << 20;
/// What a name costs besides its content.
const NAME: usize = 4096;

fn limited(quotas: Value) -> (Daemon, Tenant) {
    let daemon = Daemon::start_with(&config_with(&["hostile", "plain_wasi"], HOSTILE_GRANTS));
    let tenant = daemon.tenant("acme");
    daemon.operator().done("tenants.quota.update", json!({ "tenantId": "acme", "quotas": quotas }));
    (daemon, tenant)
}

/// `agents.files.set` of the main agent.
fn set_file(tenant: &Tenant, name: &str, bytes: usize) -> openclaw_tests::Response {
    tenant.respond("agents.files.set", &json!({ "agentId": "main", "name": name, "content": "x".repeat(bytes) }))
}

/// `chat.inject` into a session of the main agent.
fn say(tenant: &Tenant, bytes: usize) -> openclaw_tests::Response {
    let said = json!({ "sessionKey": "agent:main:direct:1", "message": "x".repeat(bytes) });
    tenant.respond("chat.inject", &said)
}

#[test]
fn a_file_that_does_not_fit_on_the_disk_gets_the_whole_429() {
    let (daemon, tenant) = limited(json!({ "disk_bytes": 2 * MIB + MIB / 2 }));
    for name in ["AGENTS.md", "SOUL.md"] {
        assert_eq!(set_file(&tenant, name, MIB).status, 200, "{name}");
    }
    let response = set_file(&tenant, "TOOLS.md", MIB);
    assert_eq!(response.status, 429, "{}", response.text());
    let error = &response.json()["error"];
    let data = &error["data"];
    assert_eq!((&error["code"], &data["code"]), (&json!(-32029), &json!("QUOTA_EXCEEDED")));
    assert_eq!(
        (&data["quota"], &data["limit"], &data["reserved"], &data["unit"]),
        (&json!("disk_bytes"), &json!(2 * MIB + MIB / 2), &json!(0), &json!("bytes"))
    );
    let needed = data["needed"].as_u64().expect("bytes");
    assert!(
        needed > MIB as u64 && (needed - MIB as u64).is_multiple_of(NAME as u64),
        "its content and its names: {data}"
    );
    assert!(data["used"].as_u64().is_some_and(|used| (2 * MIB as u64..=3 * MIB as u64).contains(&used)), "{data}");
    has_fields(
        data,
        "code requestId quota limit used reserved needed unit window resets_at largest_fitting_max_tokens request_id",
    );
    assert_eq!(data["window"], Value::Null, "no clock makes room");
    assert_eq!(data["request_id"].as_str(), response.header("x-request-id"));
    assert!(response.header("retry-after").is_some(), "{:?}", response.headers);
    assert!(response.header("ratelimit-policy").is_some_and(|policy| policy.contains("disk_bytes")));
    let other = daemon.tenant("other");
    assert_eq!(set_file(&other, "TOOLS.md", MIB).status, 200, "another tenant is not concerned");
}

#[test]
fn what_is_left_of_the_gateways_disk_is_not_for_tenants() {
    let whole = "gateway: {limits: {free_disk_mb: 1048576}}\n";
    let daemon = Daemon::start_with("gateway: {limits: {free_disk_mb: 1}}\n");
    let tenant = daemon.tenant("acme");
    assert_eq!(set_file(&tenant, "SOUL.md", MIB).status, 200);
    tenant.done("sessions.create", json!({ "key": "agent:main:direct:1" }));
    daemon.home().configure(whole);
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("the configuration is reloaded");
    for response in [set_file(&tenant, "TOOLS.md", 1), say(&tenant, 1)] {
        let error = &response.json()["error"];
        assert_eq!((&error["data"]["code"], &error["data"]["retryAfterMs"]), (&json!("UNAVAILABLE"), &json!(60_000)));
        assert_eq!(error["message"], "the disk is full");
    }
    let upload = daemon.send(&Request::new("POST", "/v1/uploads").token(tenant.token()).body(*b"x"));
    assert_eq!((upload.status, upload.header("retry-after")), (503, Some("60")), "{}", upload.text());
    let kept = tenant.ok("agents.files.get", json!({ "agentId": "main", "name": "SOUL.md" }));
    assert_eq!(kept["file"]["size"], MIB, "it is read still: {kept}");
}

#[test]
fn a_full_disk_is_read_and_tidied_and_then_has_room_again() {
    let (_daemon, tenant) = limited(json!({ "disk_bytes": 2 * MIB }));
    tenant.done("agents.create", json!({ "name": "helper" }));
    tenant.done("agents.files.set", json!({ "agentId": "helper", "name": "SOUL.md", "content": "x".repeat(MIB) }));
    assert_eq!(set_file(&tenant, "SOUL.md", MIB).status, 429);
    tenant.done("agents.files.get", json!({ "agentId": "helper", "name": "SOUL.md" }));
    tenant.done("agents.delete", json!({ "agentId": "helper" }));
    assert_eq!(set_file(&tenant, "SOUL.md", MIB).status, 200);
}

#[test]
fn a_file_that_is_written_again_and_again_fills_no_disk() {
    let (_daemon, tenant) = limited(json!({ "disk_bytes": 2 * MIB }));
    for _ in 0..10 {
        assert_eq!(set_file(&tenant, "SOUL.md", MIB / 2).status, 200);
    }
}

#[test]
fn documents_fill_the_disk_too_and_what_is_deleted_of_them_makes_room() {
    let (_daemon, tenant) = limited(json!({ "disk_bytes": 16 * MIB }));
    tenant.done("sessions.create", json!({ "key": "agent:main:direct:1" }));
    let refused = (0..100).map(|_| say(&tenant, 200_000)).find(|response| response.status != 200);
    let refused = refused.expect("20 MB do not fit into 16 MiB");
    assert_eq!((refused.status, &refused.json()["error"]["data"]["code"]), (429, &json!("QUOTA_EXCEEDED")));
    assert_eq!(set_file(&tenant, "SOUL.md", MIB).status, 429, "it is the tenant's disk, not the family's");
    tenant.done("sessions.delete", json!({ "key": "agent:main:direct:1" }));
    tenant.done("sessions.create", json!({ "key": "agent:main:direct:1" }));
    assert_eq!(say(&tenant, 200_000).status, 200);
    assert_eq!(set_file(&tenant, "SOUL.md", MIB).status, 200);
}

#[test]
fn a_refused_write_is_counted_before_it_is_told_and_a_wider_quota_holds_at_once() {
    let (mut daemon, tenant) = limited(json!({ "disk_bytes": 1000 }));
    assert_eq!(set_file(&tenant, "SOUL.md", 2000).status, 429);
    daemon.kill();
    let ledger = rusqlite::Connection::open(daemon.home().path().join("control.db")).expect("the ledger");
    let counted = "SELECT refusals FROM usage_refusals WHERE tenant = 'acme' AND quota = 'disk_bytes'";
    assert_eq!(ledger.query_one(counted, [], |row| row.get::<_, i64>(0)), Ok(1));
    drop(ledger);
    let daemon = daemon.restarted();
    let tenant = daemon.client(tenant.token());
    let error =
        tenant.err("agents.files.set", json!({ "agentId": "main", "name": "SOUL.md", "content": "x".repeat(2000) }));
    assert_eq!((error.code, &error.data["quota"]), (-32029, &json!("disk_bytes")));
    daemon.cli(&["tenants", "quota", "set", "acme", "--quota.disk-bytes", "1000000"]).exited(0);
    tenant.done("agents.files.set", json!({ "agentId": "main", "name": "SOUL.md", "content": "x".repeat(2000) }));
}

/// What is on the disk, and what the tenant is told is there.
fn occupied(daemon: &Daemon, tenant: &Tenant) -> (u64, u64) {
    let told = tenant.ok("tenants.usage", json!({ "refreshDisk": true }))["diskUsageBytes"].as_u64().expect("bytes");
    let directory = daemon.home().tenant("acme");
    let measured = openclaw_tests::home::files_below(&directory)
        .iter()
        .map(|file| std::fs::symlink_metadata(directory.join(file)).map_or(0, |metadata| metadata.len()))
        .sum();
    (measured, told)
}

#[test]
fn directories_and_empty_files_are_not_free() {
    let (daemon, tenant) = limited(json!({ "disk_bytes": MIB }));
    let make = |operation: &str, path: String| {
        let outcome =
            tenant.ok("hostile.escape_files", json!({ "operation": operation, "path": path, "to": "", "content": "" }));
        match outcome["code"].as_str() {
            None => true,
            Some(code) => {
                assert_eq!(code, "QUOTA_EXCEEDED", "{operation}: {outcome}");
                false
            }
        }
    };
    for (operation, name) in [("createDirectory", "d"), ("write", "w"), ("append", "a"), ("subdirectory", "s")] {
        let made = (0..MIB / NAME).take_while(|n| make(operation, format!("{name}/{n}"))).count();
        assert!(made < MIB / NAME, "{operation}: {made} names of 4 KiB fit into 1 MiB");
        let (_, told) = occupied(&daemon, &tenant);
        assert!(told <= MIB as u64, "{operation}: {told}");
        assert!(told >= (made * NAME) as u64, "{operation}: {told} after {made} names");
        tenant.done("hostile.escape_files", json!({ "operation": "removeAll", "path": name }));
    }
}

/// The limit of open handles ends it too: at 256 of 64 KiB, 16 MiB.
#[test]
fn files_that_are_removed_while_they_are_open_count_until_the_call_ends() {
    let (_daemon, tenant) = limited(json!({ "disk_bytes": MIB }));
    let filled = tenant.ok("plain.fill", json!({ "way": "ghost", "times": 200 }));
    assert_eq!(filled["error"], json!("insufficient-space"), "{filled}");
    assert!(filled["done"].as_u64().is_some_and(|done| done < 16), "{filled}");
    let again = tenant.ok("plain.fill", json!({ "way": "ghost", "times": 5 }));
    assert_eq!(again, json!({ "done": 5 }), "they are gone with their call");
}

/// A walk could miss on both sides what is moved while it goes on, and then more was let in for good.
#[test]
fn what_is_renamed_while_it_is_measured_is_not_missed() {
    let (daemon, tenant) = limited(json!({ "disk_bytes": 4 * MIB }));
    let files = |operation: &str, path: &str, to: &str, bytes: usize| {
        let content = "x".repeat(bytes);
        let params = json!({ "operation": operation, "path": path, "to": to, "content": content });
        tenant.ok("hostile.escape_files", params)["code"].as_str().map(str::to_owned)
    };
    for n in 0..3 {
        assert_eq!(files("write", &format!("a/{n}"), "", MIB), None);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    files("rename", "a", "b", 0);
                    files("rename", "b", "a", 0);
                }
            });
        }
        // Each is measured for, as something was removed before it.
        for n in 0..100 {
            files("write", "small", "", 1);
            files("remove", "small", "", 0);
            files("append", &format!("more-{}", n % 2), "", MIB / 2);
        }
        done.store(true, Relaxed);
    });
    let (measured, _) = occupied(&daemon, &tenant);
    assert!(measured <= 4 * MIB as u64, "{measured} bytes");
}

/// One call may write as often as it may call the host: it is stopped where the quota ends, not after.
#[test]
fn one_call_by_the_languages_own_file_api_writes_no_more_than_the_quota() {
    let (daemon, tenant) = limited(json!({ "disk_bytes": 2 * MIB }));
    for way in ["write", "append", "stream", "size", "file", "directory", "symlink"] {
        let filled = tenant.ok("plain.fill", json!({ "way": way, "times": 2000 }));
        assert_eq!(filled["error"], json!("insufficient-space"), "{way}: {filled}");
        let (measured, told) = occupied(&daemon, &tenant);
        assert!(measured <= 2 * MIB as u64, "{way}: {measured} bytes");
        assert!((MIB as u64..=2 * MIB as u64).contains(&told), "{way}: {told} after {filled}");
        tenant.done("plain.clear", json!({}));
    }
    // What is written over takes no room: 20 times the same 256 KiB.
    for _ in 0..20 {
        assert_eq!(tenant.ok("plain.fill", json!({ "way": "write", "times": 4 })), json!({ "done": 4 }));
    }
}

#[test]
fn a_full_disk_is_still_read_and_cleared_by_the_languages_own_file_api() {
    let (_daemon, tenant) = limited(json!({ "disk_bytes": MIB }));
    tenant.done("plain.fill", json!({ "way": "write", "times": 2000 }));
    tenant.done("plain.fill", json!({ "way": "symlink", "times": 2000 }));
    assert_eq!(set_file(&tenant, "SOUL.md", 10 * NAME).status, 429);
    assert!(tenant.ok("plain.read", json!({ "path": "filled" })).as_str().is_some_and(|text| text.len() > NAME));
    tenant.done("plain.clear", json!({}));
    assert_eq!(set_file(&tenant, "SOUL.md", 10 * NAME).status, 200);
}
