use serde_json::{Map, json};

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
                    telemetry: {log: {level: debug}}\nsession: {scope: global}\nmessages: {queue: steer}\n\
                    skills: {entries: {pdf: {enabled: false}}}\n\
                    agents: {defaults: {model: x, skills: [pdf]}, list: [{id: ada, skills: [tea],\n\
                    sandbox: {backend: docker}, quotas: {}}]}\n\
                    tools: {deny: [exec], exec: {ask: always}}\n";
    assert_eq!(warnings(in_force, &[]), Vec::<String>::new());
    assert_eq!(warnings("cron: {enabled: true}\nbackup: {}\nmodels:\nsandbox: {}\n", &[]), Vec::<String>::new());
}

#[test]
fn of_an_open_section_each_key_that_nothing_acts_on_is_told() {
    let config = "session:\n  scope: global\n  idleMinutes: 5\nmessages: {queue: {cap: 5, debounceMs: 9}}\n\
                  agents:\n  defaults: {heartbeat: {every: 1h}}\n  list:\n    - {id: ada}\n    - id: bob\n      \
                  memorySearch: {enabled: true}\n      \
                  subagents: {allowAgents: [ada], model: x}\ntools: {exec: {host: gateway}}\n\
                  skills: {entries: {pdf: {enabled: true, apiKey: k}}, load: {watch: true}}\n";
    let untold = "has no effect yet: nothing that comes with the gateway acts on it";
    assert_eq!(
        warnings(config, &[]),
        [
            format!("config.yaml:6:14: agents.defaults.heartbeat {untold}"),
            format!("config.yaml:10:7: agents.list[1].memorySearch {untold}"),
            format!("config.yaml:11:39: agents.list[1].subagents.model {untold}"),
            format!("config.yaml:4:28: messages.queue.debounceMs {untold}"),
            format!("config.yaml:3:3: session.idleMinutes {untold}"),
            format!("config.yaml:13:54: skills.load {untold}"),
            format!("config.yaml:13:41: skills.entries.pdf.apiKey {untold}"),
            format!("config.yaml:12:16: tools.exec.host {untold}"),
        ]
    );
}

#[test]
fn a_key_of_an_open_section_that_is_misspelt_is_told_what_it_may_have_meant() {
    let overlay =
        json!({"agents": {"list": [{"id": "a", "qoutas": {"tokens_per_day": 1}, "memorySearch": {"on": 1}}]}});
    let told: Vec<String> = overlay_without_effect(&overlay).into_iter().map(|(_, message)| message).collect();
    let untold = "has no effect yet: nothing that comes with the gateway acts on it";
    assert_eq!(
        told,
        [
            format!("agents.list[0].memorySearch {untold}"),
            format!("agents.list[0].qoutas {untold} (did you mean \"quotas\"?)"),
        ]
    );
}

#[test]
fn a_name_in_a_tool_policy_that_is_no_tools_is_told_and_what_it_may_have_meant() {
    let config = "tools:\n  deny: [exek, exec, 'http*', '*', 'group:fs', 'group:*']\nagents:\n  defaults: {tools: {allow: \
                  [browser]}}\n  list:\n    - {id: ada, tools: {profile: coding, deny: ['mem*', 'x*']}}\n";
    let no_tool = "names no tool that comes with the gateway:";
    assert_eq!(
        warnings(config, &[]),
        [
            format!("config.yaml:2:10: tools.deny[0] {no_tool} \"exek\" (did you mean \"exec\"?)"),
            format!("config.yaml:2:48: tools.deny[5] {no_tool} \"group:*\" (did you mean \"group:fs\"?)"),
            format!("config.yaml:4:30: agents.defaults.tools.allow[0] {no_tool} \"browser\""),
            format!("config.yaml:6:57: agents.list[0].tools.deny[1] {no_tool} \"x*\""),
        ]
    );
    let overlay = json!({"tools": {"deny": ["x".repeat(1000)]}});
    let [(_, told)] = &*overlay_without_effect(&overlay) else { panic!("one") };
    assert!(told.len() < 200, "{told}");
}

#[test]
fn of_an_overlay_so_many_are_told_and_none_that_is_left_empty() {
    let overlay =
        json!({"ui": {}, "channels": {"x": {"token": "t"}}, "agents": {"list": [{"id": "a", "thinking": 1}]}});
    let told = overlay_without_effect(&overlay);
    let keys: Vec<String> = told.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(keys, ["channels", "agents.list[0].thinking"]);
    let many: Map<String, Value> = (0..100).map(|number| (format!("key{number}"), number.into())).collect();
    assert_eq!(overlay_without_effect(&json!({ "session": many })).len(), TOLD);
    assert_eq!(overlay_without_effect(&json!({"session": {"x".repeat(TOLD_KEY_BYTES): 1}})), []);
}

#[test]
fn a_warning_holds_no_value() {
    let told = warnings("backup: {target: s3://sk-secret}\n", &[]);
    assert_eq!(told, ["config.yaml:1:1: backup has no effect yet: no backup is made"]);
}

#[test]
fn every_key_of_the_table_is_a_key_of_the_configuration() {
    let root = Shape::of(gateway_schema());
    let sections = crate::load::in_force::sections().map(|section| section.replace(".*", "[0]"));
    for key in TABLE.iter().map(|(key, _)| (*key).to_owned()).chain(sections) {
        assert!(KeyPath::parse(&key).is_ok_and(|path| root.descend(&path).is_some()), "{key}");
    }
}
