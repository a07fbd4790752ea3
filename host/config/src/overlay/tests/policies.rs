//! A tenant's tool policies, at every level at which there are some.

use super::*;

const TOOLS: [&str; 5] = ["read", "write", "exec", "browser", "fetch"];
/// The operator lists the first two; the third is the tenant's own.
const AGENTS: [&str; 3] = ["main", "helper", "own"];

/// Any policy, or none.
fn policy() -> impl Strategy<Value = Value> {
    let names = || prop::sample::subsequence(TOOLS.to_vec(), 0..=3);
    let allow = prop_oneof![2 => Just(None), 1 => Just(Some(vec!["*"])), 4 => names().prop_map(Some)];
    let deny = prop_oneof![2 => Just(None), 3 => names().prop_map(Some)];
    prop_oneof![
        1 => Just(Value::Null),
        4 => (allow, deny).prop_map(|(allow, deny)| {
            let lists = [("allow", allow), ("deny", deny)];
            lists.into_iter().filter_map(|(key, list)| Some((key.to_owned(), Value::from(list?)))).collect()
        }),
    ]
}

/// A configuration with policies for everyone, for all agents, and for some of them.
fn policies(agents: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let listed = prop::sample::subsequence(agents.to_vec(), 0..=agents.len());
    let own = prop::collection::vec(policy(), agents.len());
    (policy(), policy(), listed, own).prop_map(|(everyones, defaults, listed, own)| {
        let agents = listed.iter().zip(own).map(|(id, tools)| said(&[("id", json!(id)), ("tools", tools)]));
        let agents: Vec<Value> = agents.collect();
        said(&[
            ("tools", everyones),
            ("agents", said(&[("defaults", said(&[("tools", defaults)])), ("list", Value::from(agents))])),
        ])
    })
}

/// An object of what is not null.
fn said(members: &[(&str, Value)]) -> Value {
    members
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect()
}

/// The policies that an agent is under, the innermost first.
fn levels<'c>(config: &'c Value, agent: &str) -> Vec<&'c Value> {
    let listed = config["agents"]["list"].as_array().into_iter().flatten().find(|listed| listed["id"] == agent);
    let levels =
        [listed.map(|listed| &listed["tools"]), config["agents"]["defaults"].get("tools"), config.get("tools")];
    levels.into_iter().flatten().filter(|policy| policy.is_object()).collect()
}

fn permits(policy: &Value, tool: &str) -> bool {
    let holds = |list: &str, name: &str| policy[list].as_array().is_some_and(|names| names.iter().any(|n| n == name));
    let restricts = policy["allow"].as_array().is_some_and(|names| !names.is_empty()) && !holds("allow", "*");
    !holds("deny", "*") && !holds("deny", tool) && (!restricts || holds("allow", tool))
}

/// As a reader sees it who lays all levels over each other, and as one who takes the innermost alone.
fn permitted(config: &Value, agent: &str, tool: &str) -> [bool; 2] {
    let levels = levels(config, agent);
    [levels.iter().all(|level| permits(level, tool)), levels.first().is_none_or(|innermost| permits(innermost, tool))]
}

proptest! {
    /// Whatever an overlay says, at whatever level, and whether or not it would be accepted today.
    #[test]
    fn no_overlay_permits_a_tool_that_the_operator_does_not(
        operators in policies(&AGENTS[..2]),
        overlay in policies(&AGENTS),
    ) {
        let visible = visible(&base(operators));
        let effective = merge(&visible, &overlay);
        let listed = |agent: &&&str| effective["agents"]["list"].as_array().into_iter().flatten().any(|l| l["id"] == ***agent);
        // An agent that is not listed any more is none; the main one is there all the same.
        for agent in AGENTS.iter().filter(|agent| **agent == "main" || listed(agent)) {
            for tool in TOOLS {
                for (before, after) in permitted(&visible, agent, tool).into_iter().zip(permitted(&effective, agent, tool)) {
                    prop_assert!(before || !after, "{tool} of {agent}: {visible} under {overlay} is {effective}");
                }
            }
        }
    }
}

#[test]
fn a_policy_of_the_agents_is_held_against_the_operators_of_the_same_place() {
    let base = base(json!({
        "tools": {"allow": ["read", "write", "exec"]},
        "agents": {"defaults": {"tools": {"allow": ["read", "write"]}}, "list": [{"id": "helper", "tools": {"allow": ["read"]}}]},
    }));
    let of_defaults = json!({"agents": {"defaults": {"tools": {"allow": ["read", "exec"]}}}});
    assert_eq!(refused(of_defaults, &base), ["agents.defaults.tools.allow[1]"]);
    let of_an_agent = |id: &str, tools: &[&str]| json!({"agents": {"list": [{"id": id, "tools": {"allow": tools}}]}});
    assert_eq!(refused(of_an_agent("helper", &["read", "write"]), &base), ["agents.list[0].tools.allow[1]"]);
    assert_eq!(refused(of_an_agent(" Helper", &["write"]), &base), ["agents.list[0].tools.allow[0]"]);
    // One that the operator does not list starts from the defaults.
    assert_eq!(refused(of_an_agent("own", &["exec"]), &base), ["agents.list[0].tools.allow[0]"]);
    assert_eq!(refused(of_an_agent("own", &["write"]), &base), [""; 0]);
}

#[test]
fn a_policy_of_the_operator_does_not_go_with_what_stands_around_it() {
    let base = base(json!({"agents": {
        "defaults": {"tools": {"deny": ["exec"]}},
        "list": [{"id": "main", "tools": {"deny": ["write"]}, "name": "Main"}],
    }}));
    for overlay in [
        json!({"agents": {"list": [{"id": "main", "name": "Mine"}]}}),
        json!({"agents": {"list": []}}),
        json!({"agents": {"list": [{"id": "main", "tools": {"deny": []}}]}}),
    ] {
        let merged = merge(&visible(&base), &overlay);
        assert!(!permitted(&merged, "main", "write")[0], "{overlay} makes it {merged}");
        assert!(!permitted(&merged, "main", "exec")[0], "{overlay} makes it {merged}");
    }
    assert_eq!(refused(json!({"agents": {"defaults": 1}}), &base), ["agents.defaults"]);
}

#[test]
fn what_is_said_of_commands_only_gets_stricter() {
    let of = |security: &str, ask: &str| json!({"tools": {"exec": {"security": security, "ask": ask}}});
    let free = GatewayConfig::default();
    for overlay in [of("full", "off"), of("allowlist", "on-miss"), of("deny", "always")] {
        assert_eq!(refused(overlay.clone(), &free), [""; 0]);
        assert_eq!(merge(&visible(&free), &overlay)["tools"]["exec"], overlay["tools"]["exec"]);
    }
    let bound = base(of("allowlist", "on-miss"));
    assert_eq!(refused(of("deny", "always"), &bound), [""; 0]);
    assert_eq!(refused(of("allowlist", "off"), &bound), ["tools.exec.ask"]);
    let offences = validate(&of("full", "always"), &visible(&bound)).unwrap_err();
    let reason = "may not be less strict than allowlist";
    assert_eq!((offences[0].kind, &*offences[0].reason), (OffenceKind::Widens, reason));
    // Written before the operator tightened the base.
    let merged = merge(&visible(&bound), &of("full", "always"));
    assert_eq!(merged["tools"]["exec"], json!({"security": "allowlist", "ask": "always"}));

    let offences = validate(&of("none", "off"), &visible(&free)).unwrap_err();
    assert_eq!(offences[0].to_string(), "tools.exec.security: must be one of full, allowlist, deny");
    // An agent's too, and nowhere but in `exec`.
    let agent = json!({"agents": {"list": [{"id": "main", "tools": {"exec": {"security": "full"}}}]}});
    assert_eq!(refused(agent, &bound), ["agents.list[0].tools.exec.security"]);
    assert_eq!(refused(json!({"tools": {"web": {"ask": "always"}}}), &free), ["tools.web.ask"]);
}

#[test]
fn keys_that_reach_the_host_are_the_operators_at_every_depth() {
    let base = GatewayConfig::default();
    assert_eq!(
        refused(json!({"agents": {"list": [{"id": "a", "repoRoot": "/root"}]}}), &base),
        ["agents.list[0].repoRoot"]
    );
    for (overlay, path) in [
        (
            json!({"channels": {"irc": {"nickserv": {"passwordFile": "/etc/shadow"}}}}),
            "channels.irc.nickserv.passwordFile",
        ),
        (
            json!({"agents": {"list": [{"id": "a", "subagents": {"sandbox": {"mode": "off"}}}]}}),
            "agents.list[0].subagents.sandbox.mode",
        ),
        (
            json!({"agents": {"defaults": {"subagents": {"tools": {"elevated": {"enabled": true}}}}}}),
            "agents.defaults.subagents.tools.elevated.enabled",
        ),
        (json!({"skills": {"entries": {"x": {"env": {"LD_PRELOAD": "/x.so"}}}}}), "skills.entries.x.env.LD_PRELOAD"),
        (
            json!({"messages": {"tts": {"providers": {"x": {"command": "/bin/sh"}}}}}),
            "messages.tts.providers.x.command",
        ),
        (json!({"bindings": [{"agentId": "main", "acp": {"cwd": "/"}}]}), "bindings[0].acp.cwd"),
        (json!({"channels": {"new": {"deep": {"er": {"keyFile": "/k"}}}}}), "channels.new.deep.er.keyFile"),
        (json!({"talk": {"exec": "/bin/sh"}}), "talk.exec"),
    ] {
        assert_eq!(refused(overlay.clone(), &base), [path], "{overlay}");
        // One that got there all the same says nothing.
        let pointer = format!("/{}", path.replace("[0]", "/0").replace('.', "/"));
        assert_ne!(merge(&visible(&base), &overlay).pointer(&pointer), overlay.pointer(&pointer), "{overlay}");
    }
}

#[test]
fn what_every_run_reads_is_refused_where_it_is_of_another_kind() {
    let base = GatewayConfig::default();
    let limits = json!({"modelCalls": "1", "tokens": -1, "costUsd": "much", "costUSD": 1});
    let wrong = json!({"timeoutSeconds": "1", "subagents": {"allowAgents": "*"}, "runLimits": limits, "skills": "pdf"});
    let messages = json!({"queue": {"mode": 1, "cap": "2"}});
    let skills = json!({"entries": {"tea": {"enabled": "no"}, "pdf": false}});
    let overlay = json!({"agents": {"defaults": wrong}, "messages": messages, "skills": skills});
    let mut refused = refused(overlay, &base);
    refused.sort();
    let defaults = [
        "runLimits.costUSD",
        "runLimits.costUsd",
        "runLimits.modelCalls",
        "runLimits.tokens",
        "skills",
        "subagents.allowAgents",
        "timeoutSeconds",
    ];
    let mut expected = defaults.map(|key| format!("agents.defaults.{key}")).to_vec();
    let others = ["messages.queue.cap", "messages.queue.mode", "skills.entries.pdf", "skills.entries.tea.enabled"];
    expected.extend(others.map(str::to_owned));
    assert_eq!(refused, expected);
    let misspelt = validate(&json!({"agents": {"defaults": {"runLimits": {"costUSD": 1}}}}), &json!({})).unwrap_err();
    let told = r#"agents.defaults.runLimits.costUSD: unknown key (did you mean "costUsd"?)"#;
    assert_eq!(misspelt[0].to_string(), told);
    let misspelt = validate(&json!({"skills": {"entries": {"pdf": {"enabeld": false}}}}), &json!({})).unwrap_err();
    let told = r#"skills.entries.pdf.enabeld: unknown key (did you mean "enabled"?)"#;
    assert_eq!(misspelt[0].to_string(), told);
}

#[test]
fn of_many_offences_the_first_are_told_and_the_rest_counted() {
    let many: Value = (0..1000).map(|number| (format!("k{number:03}"), json!(1))).collect();
    let offences = validate(&many, &visible(&GatewayConfig::default())).unwrap_err();
    assert_eq!(offences.len(), TOLD_OFFENCES + 1);
    assert_eq!(offences[TOLD_OFFENCES].to_string(), format!("and {} more", 1000 - TOLD_OFFENCES));
    let too_many: Value = (0..MAX_VALUES).map(|number| (format!("k{number}"), json!(1))).collect();
    let offences = validate(&json!({ "ui": too_many }), &visible(&GatewayConfig::default())).unwrap_err();
    assert!(offences.len() == 1 && offences[0].reason.contains("at most 10000"), "{offences:?}");
}
