//! A component that cannot be loaded keeps the gateway from starting, by its name.

use crate::contract::*;

use super::{HOSTILE_GRANTS, config_with, fixture};

fn refused(config: &str) -> String {
    let failed =
        Daemon::start_on(Home::with_config(config)).err().unwrap_or_else(|| panic!("it started with {config}"));
    assert_eq!(failed.code, Some(1), "{failed}");
    failed.log
}

#[test]
fn one_that_asks_for_what_is_not_served() {
    let log = refused(&config_with(&["wants_channels"], ""));
    assert!(log.contains("wants_channels") && log.contains("openclaw:gateway/channels"), "{log}");
}

/// Its flood is over before its first call.
#[test]
fn one_that_would_flood_timers_even_where_they_are_granted() {
    let log = refused(&config_with(&["wants_timers"], "wants_timers: [timers]"));
    assert!(log.contains("wants_timers.wasm") && log.contains("openclaw:gateway/timers"), "{log}");
    assert!(log.contains("timers has no effect yet"), "{log}");
}

#[test]
fn one_whose_manifest_is_none() {
    let log = refused(&config_with(&["bad_manifest"], ""));
    assert!(log.contains("bad_manifest") && log.contains("manifest"), "{log}");
}

#[test]
fn one_that_asks_for_what_was_not_granted() {
    let log = refused(&config_with(&["hostile"], "hostile: [config, secrets, usage, tenancy]"));
    let missing =
        "secrets-reveal, documents:sessions/sessions, documents:sessions/archives:write, which is not granted";
    assert!(log.contains("hostile") && log.contains(missing), "{log}");
}

#[test]
fn one_that_asks_to_write_where_it_may_only_read() {
    let read_only = HOSTILE_GRANTS.replace(":write", "");
    let log = refused(&config_with(&["hostile"], &read_only));
    assert!(
        log.contains("hostile") && log.contains("documents:sessions/archives:write, which is not granted"),
        "{log}"
    );
}

#[test]
fn one_that_is_not_there_or_no_component() {
    let log = refused("components: {load: [/nowhere/crm.wasm]}\n");
    assert!(log.contains("/nowhere/crm.wasm"), "{log}");
    let home = Home::warm();
    let path = home.path().join("garbage.wasm");
    std::fs::write(&path, b"\0asm garbage").expect("a file");
    home.configure(&format!("components: {{load: [{path:?}]}}\n"));
    let failed = Daemon::start_on(home).expect_err("it started");
    assert!(failed.log.contains("garbage.wasm"), "{failed}");
}

#[test]
fn one_that_no_pool_has_room_for() {
    // An empty module, instantiated 65 times.
    let module = b"\0asm\x01\0\0\0";
    let instances = [&[2, 0xc4, 1, 65], &[0; 3 * 65][..]].concat();
    let wasm = [b"\0asm\x0d\0\x01\0", &[1, 8][..], module, &instances].concat();
    let home = Home::warm();
    let path = home.path().join("crowd.wasm");
    std::fs::write(&path, wasm).expect("a file");
    home.configure(&format!("components: {{load: [{path:?}]}}\n"));
    let failed = Daemon::start_on(home).expect_err("it started");
    assert!(failed.log.contains("crowd.wasm") && failed.log.contains("65 core instances, at most 64"), "{failed}");
}

#[test]
fn one_that_is_cut_short() {
    let home = Home::warm();
    let path = home.path().join("half.wasm");
    let whole = std::fs::read(fixture("sleeper")).expect("the fixture");
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("a file");
    home.configure(&format!("components: {{load: [{path:?}]}}\n"));
    let failed = Daemon::start_on(home).expect_err("it started");
    assert!(failed.log.contains("half.wasm"), "{failed}");
}

#[test]
fn one_whose_family_another_component_has() {
    let log = refused(&config_with(&["hostile", "hostile"], HOSTILE_GRANTS));
    assert!(log.contains("the family hostile is already served"), "{log}");
}

#[test]
fn one_that_is_named_like_a_family_of_the_gateway() {
    // Our own `voicewake`, brought by somebody else.
    let path = openclaw_tests::workspace().join("target/components/voicewake.wasm");
    let log = refused(&format!("components:\n  load: [{path:?}]\n"));
    assert!(log.contains("voicewake.wasm") && log.contains("the family voicewake is the gateway's own"), "{log}");
}
