//! One turn: what is asked, what is used, what is written down and told.

use super::*;

#[test]
fn a_message_is_answered_and_both_are_in_the_transcript() {
    let tenant = tenant([Said::text(["It ", "rains."])]);
    let answered = ask(&tenant, "r1", "weather?");
    assert_eq!((&answered["runId"], &answered["status"]), (&json!("r1"), &json!("ok")), "{answered}");
    assert_eq!(answered["result"]["payloads"], json!([{ "text": "It rains." }]));
    assert_eq!(said(&tenant), pairs(&[("user", "weather?"), ("assistant", "It rains.")]));
    let lines = lines(&tenant);
    assert_eq!(lines[0]["type"], "session");
    assert_eq!((&lines[1]["parentId"], &lines[2]["parentId"]), (&Value::Null, &lines[1]["id"]));
    let usage = &answered["result"]["meta"]["usage"];
    assert_eq!(&lines[2]["message"]["usage"]["input"], &usage["input"]);
    assert_eq!(lines[2]["message"]["provider"], "script");
}

#[test]
fn the_usage_of_a_run_is_the_sum_of_its_calls() {
    let script = [Said::calls("ls", json!({})).when("list"), Said::text(["Nothing."])];
    let tenant = tenant(script);
    let answered = ask(&tenant, "r1", "list");
    let of_calls: Vec<Value> = lines(&tenant)
        .iter()
        .filter(|line| line["message"]["role"] == "assistant")
        .map(|line| line["message"]["usage"].clone())
        .collect();
    assert_eq!(of_calls.len(), 2);
    let usage = &answered["result"]["meta"]["usage"];
    for name in ["input", "output", "totalTokens"] {
        let sum: u64 = of_calls.iter().filter_map(|used| used[name].as_u64()).sum();
        assert_eq!(usage[name], sum, "{name} of {usage}");
    }
    let micro = |usage: &Value| usage["costUsd"].as_str().and_then(|cost| cost.parse::<f64>().ok()).unwrap();
    let sum: f64 = of_calls.iter().map(micro).sum();
    assert!((micro(usage) - sum).abs() < 1e-12, "{usage}");
}

#[test]
fn the_agents_files_and_the_message_are_what_the_model_reads() {
    let tenant = played(Tenant::new(HANDLER)).with_model(|request| {
        let messages = request["messages"].as_array().unwrap();
        assert_eq!(messages[0]["role"], "system");
        let system = messages[0]["content"].as_str().unwrap();
        assert!(system.contains("## SOUL.md\nYou are kind.") && !system.contains("USER.md"), "{system}");
        assert!(system.contains("## For this message\nIn verse."), "{system}");
        assert_eq!(messages[1], json!({ "role": "user", "content": "hello" }));
        assert_eq!(request["openclaw"], json!({ "agent": "main", "session": MAIN, "run": "r1" }));
        Ok(vec![("text".into(), json!({ "text": "hi" })), ("end".into(), json!({ "reason": "stop" }))])
    });
    let params = json!({ "message": "hello", "idempotencyKey": "r1", "extraSystemPrompt": "In verse." });
    assert_eq!(tenant.call::<_, Value>("agent", params).unwrap()["status"], "ok");
}

#[test]
fn a_tool_is_used_and_its_result_goes_back_to_the_model() {
    let script = [
        Said::calls("exec", json!({ "command": "uname" })).when("which system"),
        Said::text(["Linux."]).when("sh -c uname"),
    ];
    let tenant = tenant(script).with_sandbox(echo);
    assert_eq!(ask(&tenant, "r1", "which system?")["summary"], "Linux.");
    let expected =
        [("user", "which system?"), ("assistant", ""), ("toolResult", "sh -c uname"), ("assistant", "Linux.")];
    assert_eq!(said(&tenant), pairs(&expected));
    let tools: Vec<Value> = events(&tenant, "agent").into_iter().filter(|event| event["stream"] == "tool").collect();
    assert_eq!(tools.len(), 2);
    assert_eq!((&tools[0]["data"]["phase"], &tools[1]["data"]["phase"]), (&json!("start"), &json!("result")));
}

#[test]
fn files_are_written_read_edited_listed_and_searched_in_the_workspace() {
    let script = [
        Said::calls("write", json!({ "path": "/work/notes/a.txt", "content": "one\ntwo\n" })).when("begin"),
        Said::calls("edit", json!({ "path": "notes/a.txt", "old_text": "two", "new_text": "2" })).when("wrote 8 bytes"),
        Said::calls("grep", json!({ "text": "2" })).when("changed"),
        Said::calls("ls", json!({})).when("notes/a.txt:2: 2"),
        Said::calls("read", json!({ "path": "notes/a.txt" })).when("notes/"),
        Said::text(["done"]).when("one\n2"),
    ];
    let tenant = tenant(script);
    assert_eq!(ask(&tenant, "r1", "begin")["summary"], "done");
    assert_eq!(tenant.workspace().read("notes/a.txt", 100).unwrap().unwrap(), b"one\n2\n");
}

#[test]
fn a_tool_that_fails_is_told_to_the_model_as_an_error() {
    let script = [
        Said::calls("read", json!({ "path": "../other/secret" })).when("look"),
        Said::calls("read", json!({ "path": "none" })).when("INVALID_REQUEST"),
        Said::calls("rm", json!({})).when("NOT_FOUND"),
        Said::text(["I cannot."]).when("FORBIDDEN"),
    ];
    let tenant = tenant(script);
    assert_eq!(ask(&tenant, "r1", "look")["summary"], "I cannot.");
    let errors = lines(&tenant).iter().filter(|line| line["message"]["isError"] == true).count();
    assert_eq!(errors, 3);
}

#[test]
fn events_tell_of_a_run_in_their_order() {
    let tenant = tenant([Said::text(["It ", "rains."])]);
    ask(&tenant, "r1", "weather?");
    let chat = events(&tenant, "chat");
    let last = chat.last().unwrap();
    assert_eq!(
        (&last["state"], &last["stopReason"], &last["sessionKey"]),
        (&json!("final"), &json!("stop"), &json!(MAIN))
    );
    assert_eq!(last["message"]["content"][0]["text"], "It rains.");
    assert_eq!(chat[0]["state"], "delta");
    let both: Vec<u64> = tenant
        .events()
        .into_iter()
        .filter(|event| event.name != "sessions.changed")
        .filter_map(|event| event.payload["seq"].as_u64())
        .collect();
    assert!(both.is_sorted_by(|one, next| one < next), "{both:?}");
    let phases: Vec<Value> = events(&tenant, "agent").iter().map(|event| event["data"]["phase"].clone()).collect();
    assert_eq!((phases.first(), phases.last()), (Some(&json!("accepted")), Some(&json!("end"))));
}

#[test]
fn a_run_is_run_once() {
    let tenant = tenant([Said::text(["hi"])]);
    let first = ask(&tenant, "r1", "hello");
    assert_eq!(ask(&tenant, "r1", "hello"), first);
    assert_eq!(said(&tenant).len(), 2);
    assert_eq!(send(&tenant, "r1", "hello")["status"], "ok");
}

#[test]
fn a_failure_of_the_model_ends_the_run_and_the_session_goes_on() {
    let script = [Said::fails(Error::unavailable("down", None)).when("first"), Said::text(["hi"])];
    let tenant = tenant(script);
    let failed = ask(&tenant, "r1", "first");
    assert_eq!((&failed["status"], &failed["summary"]), (&json!("error"), &json!("down")));
    assert_eq!(events(&tenant, "chat").last().unwrap()["state"], "error");
    assert_eq!(ask(&tenant, "r2", "second")["status"], "ok");
    assert_eq!(lines(&tenant)[2]["message"]["stopReason"], "error");
}

#[test]
fn a_model_that_only_wants_tools_comes_to_its_limit() {
    let defaults = json!({ "agents": { "defaults": { "runLimits": { "modelCalls": 3 } } } });
    let tenant = tenant([Said::calls("ls", json!({}))]).with_config(defaults);
    let answered = ask(&tenant, "r1", "go");
    assert_eq!(answered["status"], "error");
    assert!(answered["summary"].as_str().unwrap().contains("3 times"), "{answered}");
}

#[test]
fn a_setting_of_the_wrong_kind_is_told_by_its_key() {
    let limits = |limits: Value| json!({ "agents": { "defaults": { "runLimits": limits } } });
    let defaults = |defaults: Value| json!({ "agents": { "defaults": defaults } });
    for (config, told) in [
        (limits(json!({ "modelCalls": "1" })), "agents.defaults.runLimits.modelCalls must be a whole number"),
        (limits(json!({ "tokens": -1 })), "agents.defaults.runLimits.tokens must be a whole number"),
        (limits(json!({ "costUsd": true })), "agents.defaults.runLimits.costUsd must be a decimal"),
        (defaults(json!({ "runLimits": 1 })), "agents.defaults.runLimits must be a mapping"),
        (defaults(json!({ "timeoutSeconds": 1.5 })), "agents.defaults.timeoutSeconds must be a whole number"),
        (defaults(json!({ "model": 1 })), "agents.defaults.model must be a text"),
        (
            defaults(json!({ "subagents": { "allowAgents": "*" } })),
            "agents.defaults.subagents.allowAgents must be a list",
        ),
        (json!({ "agents": { "list": [{ "id": "main", "name": 1 }] } }), "agent main.name must be a text"),
        (json!({ "agents": { "list": 1 } }), "agents.list must be a list"),
        (defaults(json!({ "skills": "pdf" })), "agents.defaults.skills must be a list of texts"),
        (
            json!({ "agents": { "list": [{ "id": "main", "skills": [1] }] } }),
            "agent main.skills must be a list of texts",
        ),
        (json!({ "skills": { "entries": ["pdf"] } }), "skills.entries must be a mapping"),
        (json!({ "skills": { "entries": { "pdf": false } } }), "skills.entries.pdf must be a mapping"),
        (
            json!({ "skills": { "entries": { "pdf": { "enabled": "no" } } } }),
            "skills.entries.pdf.enabled must be true or false",
        ),
        (json!({ "messages": { "queue": { "mode": 1 } } }), "messages.queue.mode must be a text"),
        (json!({ "messages": { "queue": { "cap": "20" } } }), "messages.queue.cap must be a whole number"),
        (json!({ "messages": { "queue": 1 } }), "messages.queue must be a mapping"),
    ] {
        let tenant = tenant([Said::text(["Yes."])]).with_config(config);
        let params = json!({ "message": "hello", "sessionKey": "agent:main:main", "idempotencyKey": "r1" });
        let error = tenant.call::<_, Value>("agent", params).unwrap_err();
        assert_eq!(error.code, "INVALID_REQUEST", "{error:?}");
        assert!(error.message.contains(told), "{error:?}");
    }
}

#[test]
fn a_run_ends_where_it_has_used_its_tokens_or_its_money() {
    for limits in [json!({ "tokens": 1 }), json!({ "costUsd": "0.000001" })] {
        let defaults = json!({ "agents": { "defaults": { "runLimits": limits } } });
        let tenant = tenant([Said::calls("ls", json!({}))]).with_config(defaults);
        let answered = ask(&tenant, "r1", "go");
        assert!(answered["summary"].as_str().unwrap().contains("its most"), "{answered}");
        assert_eq!(said(&tenant).len(), 2, "the tool was not used");
    }
}

#[test]
fn a_conversation_that_is_too_long_is_summed_up() {
    let defaults = json!({ "agents": { "defaults": { "contextTokens": 2000 } } });
    let script = [
        Said::text(["They talked of tea."]).when("Sum up the conversation"),
        Said::text(["Yes."]).when("They talked of tea."),
        Said::text(["Go on."]),
    ];
    let tenant = tenant(script).with_config(defaults);
    ask(&tenant, "r1", &"tea ".repeat(1400));
    assert_eq!(ask(&tenant, "r2", "still tea?")["summary"], "Yes.");
    let compaction = lines(&tenant).into_iter().find(|line| line["type"] == "compaction").unwrap();
    assert!(compaction["summary"].as_str().unwrap().contains("still tea?"), "{compaction}");
    assert_eq!(ask(&tenant, "r3", "and now?")["summary"], "Go on.");
}
