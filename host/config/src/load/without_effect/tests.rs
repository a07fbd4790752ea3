use super::*;
use crate::load::{File, load};
use crate::shape::{Shape, gateway_schema};

fn warnings(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let loaded = load(Some(File { name: "config.yaml", text }), env, &[]).expect("a configuration");
    loaded.warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn a_setting_without_effect_is_told_with_its_place() {
    assert_eq!(
        warnings("gateway:\n  limits: {batch: 7}\nbackup:\n  target: /backups\n", &[]),
        ["config.yaml:3:1: backup has no effect yet: no backup is made"]
    );
    assert_eq!(
        warnings("nodes:\n  allow_commands: [camera.snap]\n", &[]),
        ["config.yaml:2:3: nodes.allow_commands has no effect yet: no node is paired"]
    );
}

#[test]
fn what_the_environment_sets_is_told_by_its_variable() {
    assert_eq!(
        warnings("", &[("OPENCLAW_BACKUP_TARGET", "/backups")]),
        ["env OPENCLAW_BACKUP_TARGET: backup has no effect yet: no backup is made"]
    );
}

#[test]
fn a_variable_that_sets_nothing_is_told_with_what_was_meant() {
    assert_eq!(
        warnings("", &[("OPENCLAW_GATEWAY_LISTN", "127.0.0.1:1"), ("OPENCLAW_TOKEN", "x"), ("OPENCLAW_HMOE", "/x")]),
        [
            "env OPENCLAW_GATEWAY_LISTN: no key of the configuration has this variable: it is ignored (did you mean \
             OPENCLAW_GATEWAY_LISTEN?)",
            "env OPENCLAW_HMOE: no key of the configuration has this variable: it is ignored (did you mean \
             OPENCLAW_HOME?)",
        ]
    );
    let [stranger] = &*warnings("", &[("OPENCLAW_PORT_18789_TCP", "tcp://10.0.0.1:18789")]) else { panic!("one") };
    assert!(!stranger.contains("10.0.0.1"), "{stranger}");
}

#[test]
fn what_is_in_force_and_what_is_left_at_its_default_is_not_told() {
    let in_force = "durability: power-safe\nquotas: {default: {requests_per_minute: 5}}\nbilling: {timezone: UTC}\n\
                    telemetry: {log: {level: debug}}\nsession: {scope: global}\nagents: {defaults: {model: x}}\n";
    assert_eq!(warnings(in_force, &[]), Vec::<String>::new());
    assert_eq!(warnings("cron: {enabled: true}\nbackup: {}\nmodels:\nsandbox: {}\n", &[]), Vec::<String>::new());
}

#[test]
fn a_warning_holds_no_value() {
    let told = warnings("backup: {target: s3://sk-secret}\n", &[]);
    assert_eq!(told, ["config.yaml:1:1: backup has no effect yet: no backup is made"]);
}

#[test]
fn every_key_of_the_table_is_a_key_of_the_configuration() {
    let root = Shape::of(gateway_schema());
    for (key, _) in TABLE {
        assert!(KeyPath::parse(key).is_ok_and(|path| root.descend(&path).is_some()), "{key}");
    }
}
