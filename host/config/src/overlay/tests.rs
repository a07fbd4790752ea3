mod policies;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::REDACTED;

fn base(value: Value) -> GatewayConfig {
    serde_json::from_value(value).unwrap()
}

fn refused(overlay: Value, base: &GatewayConfig) -> Vec<String> {
    validate(&overlay, &visible(base))
        .err()
        .unwrap_or_default()
        .iter()
        .map(|offence| offence.path.to_string())
        .collect()
}

/// The test vectors of RFC 7396, appendix A.
#[test]
fn merge_patch_as_the_rfc_says() {
    let vectors = [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ];
    for (original, patch, expected) in vectors {
        let mut patched = original.clone();
        apply_patch(&mut patched, &patch);
        assert_eq!(patched, expected, "{original} patched with {patch}");
    }
}

#[test]
fn a_tenants_own_keys_are_allowed() {
    let overlay = json!({
        "agents": {
            "defaults": {"workspace": "notes", "heartbeat": {"every": "30m"}, "model": {"primary": "a/m"}},
            "list": [{"id": "main", "identity": {"name": "Ada"}, "tools": {"deny": ["exec"]}}],
        },
        "channels": {"telegram": {"botToken": "t", "accounts": {"work": {"botToken": "u"}}}},
        "messages": {"queue": {"mode": "collect"}}, "commands": {"native": true},
        "session": {"dmScope": "per-peer", "maintenance": {"maxEntries": 5}},
        "skills": {"entries": {"x": {"enabled": true, "apiKey": "k", "env": {"A": "b"}, "config": {"deep": [1]}}}},
        "cron": {"enabled": false, "max_concurrent_runs": 2, "session_retention": "7d"},
        "tools": {"deny": ["browser"], "web": {"search": {"enabled": false}}},
        "sandbox": {"mode": "docker", "memory_limit_mb": 64, "cpu_quota": 0.5, "pids": 10},
        "talk": {"voiceId": "v"}, "ui": {"seamColor": "#fff"}, "bindings": [{"agentId": "main"}], "memory": {"citations": "auto"},
    });
    assert_eq!(refused(overlay, &GatewayConfig::default()), [""; 0]);
    assert_eq!(refused(json!({}), &GatewayConfig::default()), [""; 0]);
}

#[test]
fn every_offending_key_is_told() {
    let overlay = json!({
        "gateway": {"listen": "0.0.0.0:1", "tls": {"cert_file": "x"}},
        "models": {"providers": []},
        "agents": {
            "defaults": {"sandbox": {"mode": "off", "docker": {"binds": ["/:/host"]}}, "workspace": "/etc"},
            "list": [{"id": "a", "agentDir": "/root", "workspace": "x/../../y"}],
            "extra": 1,
        },
        "session": {"store": "/tmp/s", "dmScope": "main"},
        "skills": {"load": {"extraDirs": ["/"]}, "entries": {"x": {"sorce": 1}}},
        "cron": {"store": "x", "maxConcurrentRuns": 3, "session_retention": 9},
        "channels": {"signal": {"cliPath": "/bin/sh", "accounts": {"a": {"tokenFile": "/etc/shadow"}}}},
        "sandbox": {"mode": "chroot", "pids": 100_000, "memory_limit_mb": "a lot"},
        "tools": {"exec": {"host": "gateway"}, "elevated": {"enabled": true}},
        "bogus": {"a": 1},
    });
    assert_eq!(
        refused(overlay, &GatewayConfig::default()),
        [
            "agents.defaults.sandbox.docker.binds",
            "agents.defaults.sandbox.mode",
            "agents.defaults.workspace",
            "agents.extra",
            "agents.list[0].agentDir",
            "agents.list[0].workspace",
            "bogus",
            "channels.signal.accounts.a.tokenFile",
            "channels.signal.cliPath",
            "cron.maxConcurrentRuns",
            "cron.session_retention",
            "cron.store",
            "gateway.listen",
            "gateway.tls.cert_file",
            "models.providers",
            "sandbox.memory_limit_mb",
            "sandbox.mode",
            "sandbox.pids",
            "session.store",
            "skills.entries.x.sorce",
            "skills.load.extraDirs",
            "tools.elevated.enabled",
            "tools.exec.host",
        ]
    );
    assert_eq!(refused(json!([1]), &GatewayConfig::default()), [""]);
    let offences =
        validate(&json!({"cron": {"maxConcurrentRuns": 3}}), &visible(&GatewayConfig::default())).unwrap_err();
    assert_eq!(offences[0].reason, r#"unknown key (did you mean "max_concurrent_runs"?)"#);
}

#[test]
fn tools_only_narrow() {
    let base = base(json!({"tools": {"allow": ["read", "write"], "deny": ["exec"], "profile": "coding"}}));
    assert_eq!(refused(json!({"tools": {"allow": ["read", "exec"]}}), &base), ["tools.allow[1]"]);
    assert_eq!(refused(json!({"tools": {"allow": []}}), &base), ["tools.allow"]);
    assert_eq!(refused(json!({"tools": {"profile": "full"}}), &base), ["tools.profile"]);
    assert_eq!(refused(json!({"tools": {"allow": ["read"], "profile": "minimal"}}), &base), [""; 0]);
    let unknown = validate(&json!({"tools": {"profile": "codign"}}), &json!({})).unwrap_err();
    assert_eq!(unknown[0].to_string(), "tools.profile: must be one of minimal, coding, full");

    let merged = merge(&visible(&base), &json!({"tools": {"deny": ["write"], "allow": ["read", "browser"]}}));
    assert_eq!(merged["tools"], json!({"allow": ["read"], "deny": ["exec", "write"], "profile": "coding"}));
    // The operator narrowed the base later: nothing is left, which is not the same as no list.
    let merged = merge(&visible(&base), &json!({"tools": {"allow": ["browser"]}}));
    assert_eq!(merged["tools"]["deny"], json!(["*"]));
}

#[test]
fn an_agents_quotas_are_refused_where_a_call_could_not_be_held_to_them() {
    let of = |quotas: Value| json!({"agents": {"list": [{"id": "main", "quotas": quotas}]}});
    let visible = visible(&GatewayConfig::default());
    let sound = of(json!({"tokens_per_day": 5, "cost_per_month_usd": "0.50"}));
    assert_eq!(validate(&sound, &visible), Ok(()));
    assert_eq!(merge(&visible, &sound)["agents"]["list"], sound["agents"]["list"]);
    let reason = |quotas: Value| validate(&of(quotas), &visible).unwrap_err()[0].to_string();
    let unknown = r#"agents.list[0].quotas: unknown quota "tokens"; there are tokens_per_day, tokens_per_month, "#;
    assert!(reason(json!({"tokens": 5})).starts_with(unknown));
    assert!(reason(json!({"tokens_per_day": "lots"})).starts_with("agents.list[0].quotas: quota tokens_per_day: "));
    assert_eq!(reason(json!(null)), "agents.list[0].quotas: quotas are an object of limits, not null");
}

#[test]
fn sandbox_limits_only_go_down() {
    let base = base(json!({"sandbox": {"pids": 50}}));
    assert_eq!(refused(json!({"sandbox": {"pids": 51}}), &base), ["sandbox.pids"]);
    let merged = merge(&visible(&base), &json!({"sandbox": {"pids": 51, "wall_seconds": 5}}));
    assert_eq!((&merged["sandbox"]["pids"], &merged["sandbox"]["wall_seconds"]), (&json!(50), &json!(5)));
    assert!(merged["sandbox"].get("read_only").is_none(), "{merged}");
}

#[test]
fn the_sandboxs_mode_only_gets_stricter() {
    let of = |mode: &str| json!({"sandbox": {"mode": mode}});
    let lax = GatewayConfig::default();
    let strict = base(of("docker"));
    assert_eq!(refused(of("docker"), &lax), [""; 0]);
    assert_eq!(refused(of("bwrap"), &strict), ["sandbox.mode"]);
    let offences = validate(&of("bwrap"), &visible(&strict)).unwrap_err();
    assert_eq!((offences[0].kind, &*offences[0].reason), (OffenceKind::Widens, "may not be less strict than docker"));
    assert_eq!(merge(&visible(&lax), &of("docker"))["sandbox"]["mode"], "docker");
    // Written before the operator tightened the base.
    assert_eq!(merge(&visible(&strict), &of("bwrap"))["sandbox"]["mode"], "docker");
}

#[test]
fn an_agents_mode_is_no_laxer_than_its_tenants_and_the_gateways_stays() {
    let agent = |id: &str, mode: &str| json!({"id": id, "sandbox": {"backend": mode}});
    let overlay =
        json!({"sandbox": {"mode": "docker"}, "agents": {"list": [agent("a", "bwrap"), agent("b", "docker")]}});
    assert_eq!(refused(overlay, &GatewayConfig::default()), ["agents.list[0].sandbox.backend"]);

    let base = base(json!({"agents": {"list": [agent("main", "docker"), agent("a", "docker")]}}));
    assert_eq!(refused(json!({"agents": {"list": [agent("a", "bwrap")]}}), &base), ["agents.list[0].sandbox.backend"]);
    // Who replaces the list keeps what was said of its agents.
    let merged = merge(&visible(&base), &json!({"agents": {"list": [{"id": "a"}, {"id": "new"}]}}));
    assert_eq!(merged["agents"]["list"], json!([agent("a", "docker"), {"id": "new"}, agent("main", "docker")]));
}

#[test]
fn objects_merge_and_lists_replace() {
    let base = base(json!({"session": {"dmScope": "main", "reset": {"mode": "daily"}}, "bindings": [1, 2]}));
    let merged = merge(&visible(&base), &json!({"session": {"reset": {"atHour": 4}}, "bindings": [3], "ui": null}));
    assert_eq!(merged["session"], json!({"dmScope": "main", "reset": {"mode": "daily", "atHour": 4}}));
    assert_eq!((&merged["bindings"], &merged["ui"]), (&json!([3]), &json!({})));
}

#[test]
fn the_gateways_own_keys_and_paths_are_not_visible() {
    let base = base(json!({
        "gateway": {"control_plane_token": "canary"},
        "agents": {"defaults": {"workspace": "/host/canary", "sandbox": {"mode": "all"}, "thinkingDefault": "low"}},
        "session": {"store": "/host/canary"}, "skills": {"load": {"extraDirs": ["/canary"]}},
        "cron": {"max_concurrent_runs": 4},
    }));
    let visible = visible(&base);
    assert!(!visible.to_string().contains("canary"), "{visible}");
    assert_eq!(visible["agents"], json!({"defaults": {"sandbox": {}, "thinkingDefault": "low"}}));
    assert_eq!(visible["cron"]["max_concurrent_runs"], 4);
}

#[test]
fn placeholders_keep_what_is_stored() {
    let stored = json!({
        "channels": {"telegram": {"botToken": "one"}},
        "agents": {"list": [
            {"id": "a", "memorySearch": {"remote": {"apiKey": "key-a"}}},
            {"id": "b", "memorySearch": {"remote": {"apiKey": "key-b"}}},
        ]},
    });
    let mut shown = stored.clone();
    Credentials::Overlay.redact(&mut shown);
    assert!(!shown.to_string().contains("key-") && shown["channels"]["telegram"]["botToken"] == REDACTED);

    let agents = shown["agents"]["list"].as_array_mut().unwrap();
    agents.reverse();
    restore_secrets(Credentials::Overlay, &mut shown, &stored, &json!({})).unwrap();
    assert_eq!(shown["agents"]["list"][0]["memorySearch"]["remote"]["apiKey"], "key-b");
    assert_eq!(shown["channels"], stored["channels"]);

    let mut inherited = json!({"talk": {"apiKey": REDACTED, "voiceId": "v"}});
    restore_secrets(Credentials::Overlay, &mut inherited, &json!({}), &json!({"talk": {"apiKey": "gateway's"}}))
        .unwrap();
    assert_eq!(inherited, json!({"talk": {"voiceId": "v"}}));
    let offences =
        restore_secrets(Credentials::Overlay, &mut json!({"talk": {"apiKey": REDACTED}}), &json!({}), &json!({}))
            .unwrap_err();
    assert_eq!(offences[0].path.to_string(), "talk.apiKey");
}

#[test]
fn the_operators_keys_are_listed() {
    let keys = admin_only_keys();
    for key in
        ["gateway", "models", "billing", "sandbox.read_only", "session.store", "durability", "channels.*.tokenFile"]
    {
        assert!(keys.iter().any(|listed| listed == key), "{key} in {keys:?}");
    }
    for key in ["agents", "channels", "cron.enabled", "cron", "sandbox", "sandbox.mode", "sandbox.pids", "tools"] {
        assert!(!keys.iter().any(|listed| listed == key), "{key} in {keys:?}");
    }
}

/// Objects whose keys are often real ones, protected ones among them.
fn config_like() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0u32..3000).prop_map(Value::from),
        prop_oneof!["/etc", "notes", "24h", "exec", "off"].prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "agents",
        "defaults",
        "list",
        "sandbox",
        "mode",
        "session",
        "store",
        "cron",
        "enabled",
        "gateway",
        "listen",
        "channels",
        "telegram",
        "botToken",
        "tokenFile",
        "tools",
        "allow",
        "deny",
        "pids",
        "skills",
        "entries",
        "workspace",
        "max_concurrent_runs",
        "dmScope",
        "memory",
        "x",
        "apiKey",
    ]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            3 => prop::collection::btree_map(key.clone(), inner.clone(), 0..4)
                .prop_map(|members| members.into_iter().map(|(key, member)| (key.to_owned(), member)).collect()),
            1 => prop::collection::vec(inner, 0..3).prop_map(Value::Array),
        ]
    })
}

proptest! {
    /// Sets and patches in any order: what is accepted in the end holds nothing protected, and
    /// neither it nor what is effective loosens the gateway's limits.
    #[test]
    fn no_accepted_sequence_gets_around_the_table(steps in prop::collection::vec((any::<bool>(), config_like()), 1..8)) {
        let base = base(json!({"sandbox": {"pids": 20}, "tools": {"allow": ["read"], "deny": ["exec"]}}));
        let mut stored = json!({});
        for (is_patch, change) in steps {
            let mut next = if is_patch { stored.clone() } else { change.clone() };
            if is_patch { apply_patch(&mut next, &change); }
            if validate(&next, &visible(&base)).is_ok() { stored = next; }
        }
        for pointer in ["/gateway", "/session/store", "/agents/defaults/sandbox/mode", "/sandbox/mode", "/channels/telegram/tokenFile"] {
            prop_assert!(stored.pointer(pointer).is_none(), "{} in {}", pointer, stored);
        }
        let effective = merge(&visible(&base), &stored);
        prop_assert!(effective["sandbox"]["pids"].as_u64() <= Some(20));
        prop_assert!(effective["tools"]["deny"].as_array().unwrap().iter().any(|name| name == "exec" || name == "*"));
        prop_assert_ne!(effective["agents"]["defaults"]["workspace"].as_str(), Some("/etc"));
    }

    /// A patch leaves what it does not name, and applying it twice is applying it once.
    #[test]
    fn a_patch_is_idempotent_and_local(target in config_like(), patch in config_like()) {
        prop_assume!(target.is_object() && patch.is_object());
        let mut once = target.clone();
        apply_patch(&mut once, &patch);
        let mut twice = once.clone();
        apply_patch(&mut twice, &patch);
        prop_assert_eq!(&once, &twice);
        for (key, member) in members(&target).filter(|(key, _)| patch.get(*key).is_none()) {
            prop_assert_eq!(once.get(key), Some(member));
        }
    }

    /// An empty overlay changes nothing, and laying one over twice is laying it over once.
    #[test]
    fn merging_is_idempotent(overlay in config_like()) {
        let visible = visible(&GatewayConfig::default());
        prop_assert_eq!(merge(&visible, &json!({})), visible.clone());
        let overlay = if validate(&overlay, &visible).is_ok() { overlay } else { json!({"ui": overlay}) };
        let once = merge(&visible, &overlay);
        prop_assert_eq!(merge(&once, &overlay), once);
    }
}

/// A credential that the table names, at a path with the wildcards filled in.
fn secret_path() -> impl Strategy<Value = KeyPath> {
    (prop::sample::select(secrets::patterns()), "[a-z]{1,6}")
        .prop_filter("lists are tried elsewhere", |(pattern, _)| !pattern.contains("list.*"))
        .prop_map(|(pattern, name)| {
            KeyPath::of_keys(pattern.split('.').map(|key| if key == "*" { name.as_str() } else { key }))
        })
}

proptest! {
    /// Wherever a credential stands, and whatever kind of value it is, it is gone.
    #[test]
    fn every_credential_is_redacted(paths in prop::collection::vec(secret_path(), 1..6), as_object in any::<bool>()) {
        let mut value = json!({});
        for path in &paths {
            let canary = if as_object { json!({"inner": ["canary"]}) } else { json!("canary") };
            path.put(&mut value, canary);
        }
        Credentials::Overlay.redact(&mut value);
        prop_assert!(!value.to_string().contains("canary"), "{}", value);
    }
}
