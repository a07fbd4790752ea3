use proptest::prelude::*;
use serde_json::json;

use super::*;

fn from_text(text: &str) -> Result<Loaded, ConfigErrors> {
    load(Some(File { name: "config.yaml", text }), [], &[])
}

fn errors(text: &str) -> Vec<String> {
    from_text(text).unwrap_err().0.iter().map(ToString::to_string).collect()
}

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn an_unknown_key_is_told_with_its_place_and_what_was_meant() {
    assert_eq!(
        errors("# a comment\ngateway:\n    listn: 127.0.0.1:1\n"),
        [r#"config.yaml:3:5: unknown key gateway.listn (did you mean "listen"?)"#]
    );
    assert_eq!(
        errors("{\n  gateway: {limits: {bodyBytes: 4096}}, // JSON5\n}"),
        [r#"config.yaml:2:22: unknown key gateway.limits.bodyBytes (did you mean "body_bytes"?)"#]
    );
    assert_eq!(errors("zzz: 1\n"), ["config.yaml:1:1: unknown key zzz"]);
}

#[test]
fn all_errors_are_told_at_once() {
    assert_eq!(
        errors(
            "durability: fast\ngateway:\n  limits: {batch: 0, depth: many}\nmodels:\n  providers:\n  - id: a\nnods: {}\n"
        ),
        [
            "config.yaml:1:1: durability must be one of process, power-safe",
            "config.yaml:3:12: gateway.limits.batch must be at least 1",
            "config.yaml:3:22: gateway.limits.depth must be a whole number, not a text",
            "config.yaml:6:5: models.providers[0].kind is missing",
            r#"config.yaml:7:1: unknown key nods (did you mean "nodes"?)"#,
        ]
    );
}

#[test]
fn an_agent_is_confined_as_the_gateway_says_or_better() {
    let agents = |mode: &str| {
        format!("sandbox: {{mode: docker}}\nagents: {{list: [{{id: a, sandbox: {{backend: {mode}}}}}]}}\n")
    };
    assert!(from_text(&agents("docker")).is_ok());
    let told = |mode: &str| errors(&agents(mode))[0].split_once(": ").unwrap().1.to_owned();
    assert_eq!(told("bwrap"), "agents.list[0].sandbox.backend is less strict than sandbox.mode");
    assert_eq!(told("ssh"), "agents.list[0].sandbox.backend must be bwrap or docker");
}

#[test]
fn a_tool_policy_that_nobody_would_read_is_refused_as_in_an_overlay() {
    let exec = "must be one of full, allowlist, deny";
    for (tools, refused) in [
        ("{deny: exec}", "1:9: tools.deny must be a list of tool names"),
        ("{allow: [read, 1]}", "1:9: tools.allow must be a list of tool names"),
        ("{enabled: 'false'}", "1:9: tools.enabled must be true or false"),
        ("{profile: codign}", "1:9: tools.profile must be one of minimal, coding, full"),
        ("{exec: {ask: sometimes}}", "1:16: tools.exec.ask must be one of off, on-miss, always"),
        ("{exec: {security: none}}", &format!("1:16: tools.exec.security {exec}")),
        ("{exec: deny}", "1:9: tools.exec must be a mapping"),
        ("{web: {search: {enabled: 1}}}", "1:24: tools.web.search.enabled must be true or false"),
    ] {
        assert_eq!(errors(&format!("tools: {tools}\n")), [format!("config.yaml:{refused}")]);
    }
    let everywhere = "agents: {defaults: {tools: {deny: exec}}, list: [{id: a, tools: 1}]}\n\
                      channels: {telegram: {groups: {g: {toolsBySender: {x: {deny: exec}}}}}}\n";
    let places: Vec<String> = from_text(everywhere).unwrap_err().0.iter().map(|error| error.key.to_string()).collect();
    let of_channels = "channels.telegram.groups.g.toolsBySender.x.deny";
    assert_eq!(places, ["agents.defaults.tools.deny", "agents.list[0].tools", of_channels]);
}

#[test]
fn what_every_run_reads_is_of_the_kind_that_it_reads() {
    let refused = |text: &str| {
        let told = from_text(text).unwrap_err().0.into_iter().map(|error| error.message);
        told.collect::<Vec<_>>().join("\n")
    };
    for (defaults, told) in [
        ("runLimits: {modelCalls: '1'}", "runLimits.modelCalls must be a whole number"),
        ("runLimits: {tokens: 1.5}", "runLimits.tokens must be a whole number"),
        ("runLimits: {costUsd: much}", "runLimits.costUsd must be an amount of US dollars, of at most 12 places"),
        ("runLimits: {costUSD: 1}", "runLimits.costUSD is an unknown key; there are costUsd, modelCalls, tokens"),
        ("runLimits: 1", "runLimits must be a mapping"),
        ("timeoutSeconds: 10m", "timeoutSeconds must be a whole number"),
        ("subagents: {allowAgents: '*'}", "subagents.allowAgents must be a list of texts"),
        ("skills: pdf", "skills must be a list of texts"),
        ("skills: [1]", "skills must be a list of texts"),
    ] {
        assert_eq!(refused(&format!("agents: {{defaults: {{{defaults}}}}}\n")), format!("agents.defaults.{told}"));
        let of_one = format!("agents: {{list: [{{id: a, {defaults}}}]}}\n");
        assert_eq!(refused(&of_one), format!("agents.list[0].{told}"));
    }
    let modes = "one of followup, collect, steer, steer-backlog";
    for mode in ["1", "steeer", "interrupt", "''"] {
        let told = format!("messages.queue.mode must be {modes}");
        assert_eq!(refused(&format!("messages: {{queue: {{mode: {mode}}}}}\n")), told);
        let told = format!("messages.queue must be a mapping, or {modes}");
        assert_eq!(refused(&format!("messages: {{queue: {mode}}}\n")), told);
    }
    assert_eq!(refused("messages: {queue: {cap: '2'}}\n"), "messages.queue.cap must be a whole number");
    assert_eq!(refused("agents: {list: {a: 1}}\n"), "agents.list must be a list");
    for (entries, told) in [
        ("[pdf]", " must be a mapping"),
        ("{pdf: false}", ".pdf must be a mapping"),
        ("{pdf: {enabled: 'no'}}", ".pdf.enabled must be true or false"),
        ("{pdf: {enabeld: false}}", ".pdf.enabeld is an unknown key; there are apiKey, config, enabled, env"),
    ] {
        assert_eq!(refused(&format!("skills: {{entries: {entries}}}\n")), format!("skills.entries{told}"));
    }
    let right = "agents: {defaults: {timeoutSeconds: 60, runLimits: {modelCalls: 3, tokens:, costUsd: '0.000001'},\n\
                 subagents: {allowAgents: ['*']}}, list: [{id: a, runLimits: {costUsd: 0.5}, skills: []}]}\n\
                 messages: {queue: {mode: steer, cap: 3}}\n\
                 skills: {load: {extraDirs: [/srv]}, entries: {tea:, pdf: {enabled: false, config: {deep: [1]}}}}\n";
    from_text(right).unwrap();
    for mode in ["followup", "collect", "steer", "steer-backlog"] {
        from_text(&format!("messages: {{queue: {mode}}}\n")).unwrap();
        from_text(&format!("messages: {{queue: {{mode: {mode}}}}}\n")).unwrap();
    }
}

#[test]
fn the_operator_may_set_what_no_tenant_may() {
    let tools = "tools: {deny: [exec], allow:, enabled: true, elevated: {enabled: true, allowFrom: {x: ['1']}},\n\
                 exec: {ask: always, security: allowlist, safeBins: [ls], host: gateway}}\n";
    from_text(tools).unwrap();
    // Of a channel's own, and no policy.
    from_text("channels: {feishu: {tools: {doc: true, enabled: 'x'}}}\nagents: {defaults: {workspace: /srv/a}}\n")
        .unwrap();
}

#[test]
fn broken_text_is_told_with_its_place() {
    assert!(errors("gateway:\n  listen: [\n")[0].starts_with("config.yaml:"));
    assert_eq!(errors("- a\n"), ["config.yaml: the whole must be a mapping, not a list"]);
}

#[test]
fn an_empty_token_is_an_error_and_never_no_authentication() {
    let message = "gateway.control_plane_token is empty; remove the key to have a token made";
    assert_eq!(errors("gateway: {control_plane_token: ' '}\n"), [format!("config.yaml:1:11: {message}")]);
    assert!(errors("gateway:\n  control_plane_token:\n")[0].contains("has no value"));
    let empty = load(None, env(&[("OPENCLAW_GATEWAY_CONTROL_PLANE_TOKEN", "")]), &[]).unwrap_err();
    assert_eq!(empty.to_string(), format!("env OPENCLAW_GATEWAY_CONTROL_PLANE_TOKEN: {message}"));
}

#[test]
fn a_listener_beyond_loopback_needs_tls_or_the_operators_word() {
    assert!(errors("gateway: {listen: '0.0.0.0:18789'}\n")[0].contains("reachable from outside without TLS"));
    assert!(errors("gateway: {listen: '[::]:18789'}\n")[0].starts_with("config.yaml:1:11: gateway.listen"));
    for extra in ["allow_plaintext_remote: true", "tls: {cert_file: c, key_file: k}"] {
        from_text(&format!("gateway: {{listen: '0.0.0.0:18789', {extra}}}\n")).unwrap();
    }
    from_text("gateway: {listen: '[::1]:0'}\n").unwrap();
    assert!(errors("gateway: {listen: localhost}\n")[0].starts_with("config.yaml:1:11: gateway.listen"));
}

#[test]
fn rules_between_keys() {
    let provider = |rest: &str| format!("models: {{providers: [{{id: a, kind: openai, models: [m], {rest}}}]}}\n");
    from_text(&provider("api_key: k")).unwrap();
    assert!(errors(&provider("api_key: k, api_key_env: K"))[0].contains("more than one of"));
    assert!(errors(&provider("base_url: 'file:///etc/passwd'"))[0].contains("http(s)"));
    let default = |name: &str| {
        from_text(&format!(
            "models: {{default: {name}, providers: [{{id: a, kind: scripted, models: [m, {{id: n}}]}}]}}"
        ))
    };
    assert!(default("m").is_ok() && default("a/n").is_ok() && default("b/n").is_err() && default("x").is_err());
    assert!(errors("cron: {session_retention: soon}\n")[0].contains("cron.session_retention"));
    assert!(errors("quotas: {default: {tokens_per_dya: 1}}\n")[0].contains("tokens_per_dya"));
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let text = "gateway:\n  listen: 127.0.0.1:1\n  limits: {batch: 3, depth: 7}\n";
    let vars = env(&[
        ("OPENCLAW_GATEWAY_LISTEN", "127.0.0.1:2"),
        ("OPENCLAW_GATEWAY_LIMITS_BATCH", "4"),
        ("OPENCLAW_GATEWAY_ALLOWED_ORIGINS", "https://a.example, https://b.example"),
        ("OPENCLAW_HOME", "/x"),
        ("OPENCLAW_NOBODY_KNOWS", "1"),
        ("PATH", "/bin"),
    ]);
    let flags = [("gateway.listen".to_owned(), "127.0.0.1:3".to_owned())];
    let loaded = load(Some(File { name: "config.yaml", text }), vars, &flags).unwrap();
    assert_eq!(loaded.config.gateway.listen.port(), 3);
    assert_eq!(loaded.config.gateway.allowed_origins, ["https://a.example", "https://b.example"]);

    let explain = |key: &str| {
        let explanation = loaded.explain(key).unwrap();
        (explanation.value, explanation.source.to_string())
    };
    assert_eq!(explain("gateway.listen"), (json!("127.0.0.1:3"), "command line".into()));
    assert_eq!(explain("gateway.limits.batch"), (json!(4), "env OPENCLAW_GATEWAY_LIMITS_BATCH".into()));
    assert_eq!(explain("gateway.limits.depth"), (json!(7), "config.yaml:3:22".into()));
    assert_eq!(explain("gateway.limits.queue_wait_ms"), (json!(10_000), "default".into()));
    let section = loaded.explain("gateway.limits").unwrap();
    assert_eq!(section.parts.len(), 2);
    assert!(section.description.is_some());
    assert!(loaded.explain("gateway.listn").unwrap_err().to_string().contains("did you mean \"gateway.listen\""));
}

#[test]
fn a_flag_that_is_no_key_is_an_error() {
    let error = load(None, [], &[("gateway.lsten".into(), "x".into())]).unwrap_err();
    assert_eq!(error.to_string(), r#"command line: unknown key gateway.lsten (did you mean "gateway.listen"?)"#);
    let error = load(None, [], &[("gateway.limits.batch".into(), "x".into())]).unwrap_err();
    assert_eq!(error.to_string(), "command line: gateway.limits.batch must be a whole number, not a text");
}

#[test]
fn an_empty_file_and_empty_sections_are_the_defaults() {
    for text in ["", "# nothing\n", "gateway:\ncron:\nagents:\n", "{}"] {
        assert_eq!(from_text(text).unwrap().config, GatewayConfig::default(), "{text:?}");
    }
}

#[test]
fn what_is_shown_holds_no_secret() {
    let text = "gateway: {control_plane_token: canary-1}\nchannels: {telegram: {botToken: canary-2}}\n\
                models: {providers: [{id: a, kind: openai, api_key: canary-3}]}\n\
                skills: {entries: {x: {env: {KEY: canary-4}}}}\n";
    let loaded = from_text(text).unwrap();
    let shown = format!("{} {:?}", loaded.effective(), loaded.explain("gateway.control_plane_token"));
    assert!(!shown.contains("canary") && shown.contains(crate::REDACTED), "{shown}");
    // Nor does an error.
    assert!(
        !errors("gateway: {control_plane_token: {a: canary-5}, allowed_hosts: canary-6}\n").concat().contains("canary")
    );
}

/// A path of fresh keys below a closed section, written as block YAML: the unknown key is the one
/// on the line that the error names.
fn yaml_with_stranger() -> impl Strategy<Value = (String, usize, String)> {
    let sections = prop_oneof![
        Just(vec!["gateway"]),
        Just(vec!["gateway", "limits"]),
        Just(vec!["gateway", "limits", "failed_auth"]),
        Just(vec!["telemetry", "log"]),
        Just(vec!["components", "limits"]),
        Just(vec![]),
    ];
    (sections, "q[a-z]{3,9}", 0usize..5, 1usize..5, 0usize..4).prop_map(|(sections, key, above, indent, blank)| {
        let mut text = "# line\n".repeat(above);
        for (depth, section) in sections.iter().enumerate() {
            text.push_str(&format!("{}{section}:\n{}", " ".repeat(depth * indent), "\n".repeat(blank)));
        }
        let line = text.matches('\n').count() + 1;
        text.push_str(&format!("{}{key}: 'ü' # end\n", " ".repeat(sections.len() * indent)));
        let path = KeyPath::of_keys(sections.into_iter().chain([key.as_str()])).to_string();
        (text, line, path)
    })
}

proptest! {
    #[test]
    fn an_unknown_key_is_found_on_its_line((text, line, path) in yaml_with_stranger()) {
        let errors = from_text(&text).unwrap_err().0;
        prop_assert_eq!(errors.len(), 1);
        prop_assert_eq!(errors[0].position().map(|at| at.line), Some(line));
        prop_assert_eq!(errors[0].key.to_string(), path);
    }

    #[test]
    fn no_text_makes_the_loader_panic(text in "[ -~\n]{0,200}") {
        let _ = from_text(&text);
    }
}

#[test]
fn a_key_of_an_open_section_is_explained_where_something_acts_on_it() {
    let loaded = from_text("agents: {list: [{id: a, model: small}]}\n").unwrap();
    let description = |key: &str| loaded.explain(key).unwrap().description;
    assert_eq!(description("agents.list[0].model"), description("agents.defaults.model"));
    assert!(description("agents.list[].quotas").is_some() && description("tools.exec.safeBins").is_some());
    assert_eq!(loaded.explain("agents.list[0].model").unwrap().value, "small");
    let any = loaded.explain("agents.list[].model").unwrap();
    assert_eq!((any.key.as_str(), any.value), ("agents.list[].model", Value::Null));
    let stranger = "thinkng has no effect yet: nothing that comes with the gateway acts on it";
    assert_eq!(description("agents.defaults.thinkng").as_deref(), Some(stranger));
    assert_eq!(description("channels.telegram.botToken"), None);
}
