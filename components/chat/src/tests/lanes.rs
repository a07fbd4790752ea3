//! One run at a time a session; what the gateway's death leaves behind.

use super::*;

#[test]
fn a_message_is_answered_after_its_sender_was() {
    let tenant = tenant([Said::text(["hi"])]);
    assert_eq!(send(&tenant, "r1", "hello"), json!({ "runId": "r1", "status": "started" }));
    assert_eq!(status(&tenant, "r1"), "timeout");
    assert_eq!(tenant.run_tasks(), 1);
    assert_eq!(status(&tenant, "r1"), "ok");
    assert_eq!(said(&tenant), pairs(&[("user", "hello"), ("assistant", "hi")]));
}

#[test]
fn messages_of_one_session_are_answered_one_after_another() {
    let tenant = tenant([Said::text(["hi"])]);
    for id in ["r1", "r2", "r3"] {
        assert_eq!(send(&tenant, id, id)["status"], "started");
    }
    assert_eq!(send(&tenant, "r2", "r2")["status"], "in_flight");
    assert_eq!(tenant.run_tasks(), 3, "each in a task of its own");
    let users: Vec<String> =
        said(&tenant).into_iter().filter(|(role, _)| role == "user").map(|(_, text)| text).collect();
    assert_eq!(users, ["r1", "r2", "r3"]);
    assert_eq!(tenant.database("chat").collection("lanes").count("").unwrap(), 0, "nobody waits any more");
}

/// What came of one message is no answer to another.
#[test]
fn the_key_of_a_run_is_that_of_one_message_to_one_session() {
    let tenant = tenant([Said::text(["hi"])]);
    let refused = |method: &str, params: Value| tenant.call::<_, Value>(method, params).unwrap_err().code;
    let to = |key: &str, message: &str| json!({ "sessionKey": key, "message": message, "idempotencyKey": "r1" });
    assert_eq!(send(&tenant, "r1", "hello")["status"], "started");
    assert_eq!(refused("chat.send", to(MAIN, "bye")), "CONFLICT", "while it waits");
    assert_eq!(tenant.run_tasks(), 1);
    for method in ["chat.send", "agent"] {
        assert_eq!(refused(method, to(MAIN, "bye")), "CONFLICT", "{method}");
        assert_eq!(refused(method, to("agent:main:other", "hello")), "CONFLICT", "{method}");
    }
    let to_session = json!({ "key": MAIN, "message": "bye", "idempotencyKey": "r1" });
    assert_eq!(refused("sessions.send", to_session), "CONFLICT");
    assert_eq!(send(&tenant, "r1", "hello")["status"], "ok");
    assert_eq!(ask(&tenant, "r1", "hello")["summary"], "hi");
    assert_eq!(said(&tenant), pairs(&[("user", "hello"), ("assistant", "hi")]));
}

#[test]
fn so_many_wait_and_no_more() {
    let queue = json!({ "messages": { "queue": { "mode": "followup", "cap": 2 } } });
    let tenant = tenant([Said::text(["hi"])]).with_config(queue);
    for id in ["r1", "r2", "r3"] {
        send(&tenant, id, "hello");
    }
    let params = json!({ "sessionKey": MAIN, "message": "one more", "idempotencyKey": "r4" });
    assert_eq!(tenant.call::<_, Value>("chat.send", params).unwrap_err().code, "UNAVAILABLE");
    assert_eq!(tenant.run_tasks(), 3);
    assert_eq!(send(&tenant, "r4", "one more")["status"], "started");
}

#[test]
fn a_message_that_comes_while_tools_run_steers_where_that_is_configured() {
    let queue = json!({ "messages": { "queue": { "mode": "steer" } } });
    let script = [
        Said::calls("exec", json!({ "command": "slow" })).when("begin"),
        Said::text(["As you wish."]).when("no, stop"),
        Said::text(["Done."]),
    ];
    let tenant = std::rc::Rc::new(tenant(script).with_config(queue));
    let inner = std::rc::Rc::downgrade(&tenant);
    tenant.play_sandbox(move |workload| {
        if let Some(tenant) = inner.upgrade() {
            assert_eq!(send(&tenant, "r2", "no, stop")["status"], "started");
        }
        echo(workload)
    });
    assert_eq!(ask(&tenant, "r1", "begin")["summary"], "As you wish.");
    assert_eq!(status(&tenant, "r2"), "ok");
    assert_eq!(tenant.run_tasks(), 0);
}

#[test]
fn what_died_with_the_gateway_is_marked_and_the_session_goes_on() {
    let tenant = tenant([Said::text(["hi"])]);
    send(&tenant, "r1", "first");
    send(&tenant, "r2", "second");
    tenant.kill();
    assert_eq!(send(&tenant, "r3", "third")["status"], "started");
    assert_eq!(status(&tenant, "r1"), "error");
    let aborted = events(&tenant, "chat").into_iter().find(|event| event["state"] == "aborted").unwrap();
    assert_eq!(aborted["runId"], "r1");
    assert_eq!(tenant.run_tasks(), 2, "what waited has its turn before what came after");
    let expected = [
        ("user", "first"),
        ("assistant", ""),
        ("user", "second"),
        ("assistant", "hi"),
        ("user", "third"),
        ("assistant", "hi"),
    ];
    assert_eq!(said(&tenant), pairs(&expected));
}

#[test]
fn an_answer_that_was_whole_when_the_gateway_died_is_the_end_of_its_run() {
    let script = [Said::calls("ls", json!({})).when("list"), Said::text(["Nothing."])];
    let tenant = tenant(script);
    let answered = ask(&tenant, "r1", "list");
    let written = lines(&tenant);
    die_before_the_end_of(&tenant, "r1");
    assert_eq!(status(&tenant, "r1"), "ok");
    assert_eq!(lines(&tenant), written, "nothing is written twice, and nothing is marked");
    let last = events(&tenant, "chat").pop().unwrap();
    assert_eq!((&last["state"], &last["message"]), (&json!("final"), &written.last().unwrap()["message"]));
    let found = ask(&tenant, "r1", "list");
    assert_eq!((&found["status"], &found["summary"]), (&answered["status"], &answered["summary"]));
    let told = |answered: &Value, name: &str| answered["result"]["meta"][name].clone();
    for name in ["usage", "stopReason", "sessionId", "provider", "model", "aborted"] {
        assert_eq!(told(&found, name), told(&answered, name), "{name}");
    }
    assert_eq!(ask(&tenant, "r2", "and now?")["status"], "ok");
}

#[test]
fn a_run_that_had_failed_when_the_gateway_died_has_failed_of_what_it_says() {
    let tenant = tenant([Said::fails(Error::unavailable("down", None))]);
    ask(&tenant, "r1", "hello");
    let written = lines(&tenant);
    die_before_the_end_of(&tenant, "r1");
    let waited: Value = tenant.call("agent.wait", json!({ "runId": "r1" })).unwrap();
    assert_eq!((&waited["status"], &waited["error"]), (&json!("error"), &json!("down")));
    assert_eq!(lines(&tenant), written);
}

#[test]
fn an_answer_to_an_older_run_of_the_same_id_ends_no_other() {
    let tenant = tenant([Said::text(["hi"])]);
    ask(&tenant, "r1", "hello");
    let chat = tenant.database("chat");
    let mut run: Value = chat.collection("runs").get("r1").unwrap().unwrap();
    run["acceptedAt"] = json!(run["endedAt"].as_u64().unwrap() + 1);
    chat.transaction().put("runs", "r1", &run, 0).unwrap().commit().unwrap();
    die_before_the_end_of(&tenant, "r1");
    assert_eq!(status(&tenant, "r1"), "error");
    assert_eq!(said(&tenant).last().unwrap().1, "");
}

#[test]
fn nobody_aborts_a_run_that_has_answered() {
    let tenant = tenant([Said::text(["hi"])]);
    ask(&tenant, "r1", "hello");
    die_before_the_end_of(&tenant, "r1");
    let aborted: Value = tenant.call("chat.abort", json!({ "sessionKey": MAIN })).unwrap();
    assert_eq!(aborted["aborted"], false, "{aborted}");
    assert_eq!((status(&tenant, "r1").as_str(), said(&tenant).len()), ("ok", 2));
}

/// The gateway dies when the last line of a run is written, and before its end is.
fn die_before_the_end_of(tenant: &Tenant, id: &str) {
    let chat = tenant.database("chat");
    let mut run: Value = chat.collection("runs").get(id).unwrap().unwrap();
    run["status"] = "running".into();
    for name in ["endedAt", "error", "outcome"] {
        run[name] = Value::Null;
    }
    let lane = json!({ "running": id, "waiting": [] });
    let transaction = chat.transaction().put("runs", id, &run, 0).unwrap();
    transaction.put("lanes", MAIN, &lane, 0).unwrap().commit().unwrap();
    tenant.kill();
}

#[test]
fn whoever_waits_for_a_run_that_died_learns_it() {
    let tenant = tenant([Said::text(["hi"])]);
    send(&tenant, "r1", "first");
    tenant.kill();
    assert_eq!(status(&tenant, "r1"), "error");
    assert_eq!(ask(&tenant, "r2", "second")["status"], "ok");
}

#[test]
fn an_answer_that_was_begun_and_not_finished_leaves_a_conversation_that_providers_take() {
    let tenant = played(Tenant::new(HANDLER));
    ask_unanswered(&tenant);
    let tenant = tenant.with_model(|request| {
        let roles: Vec<&str> =
            request["messages"].as_array().unwrap().iter().filter_map(|m| m["role"].as_str()).collect();
        assert_eq!(roles, ["system", "user", "assistant", "tool", "user"]);
        Ok(vec![("text".into(), json!({ "text": "hi" })), ("end".into(), json!({ "reason": "stop" }))])
    });
    assert_eq!(ask(&tenant, "r2", "go on")["status"], "ok");
}

#[test]
fn a_message_that_was_written_just_before_the_gateway_died_is_not_written_again() {
    let tenant = tenant([Said::text(["hi"])]);
    send(&tenant, "r1", "first");
    let content = json!([{ "type": "text", "text": "first" }]);
    let written = json!({
        "role": "user", "content": content, "timestamp": tenant.now_ms(), "idempotencyKey": "r1",
    });
    converse(&tenant, &[written]);
    tenant.kill();
    assert_eq!(status(&tenant, "r1"), "error");
    assert_eq!(said(&tenant), pairs(&[("user", "first"), ("assistant", "")]));
}

#[test]
fn of_two_equal_messages_that_steer_a_run_the_one_that_was_not_written_is_kept() {
    let tenant = tenant([Said::text(["hi"])]);
    for (id, message) in [("r1", "first"), ("r2", "continue"), ("r3", "continue")] {
        send(&tenant, id, message);
    }
    let chat = tenant.database("chat");
    let queued: Value = chat.collection("runs").get("r2").unwrap().unwrap();
    assert_eq!(tenant.run_tasks(), 3);
    let written: Vec<Value> = lines(&tenant).into_iter().map(|line| line["message"].clone()).collect();
    let of_r2 = written.into_iter().find(|message| message["idempotencyKey"] == "r2").expect("a message of r2");
    assert_eq!(of_r2["content"][0]["text"], "continue");

    // The gateway dies when the message of r2 is written, and before that of r3 is.
    let session = "agent:main:other";
    create(&tenant.database("sessions"), &json!({ "key": session })).unwrap();
    say(&tenant, session, &[of_r2]);
    for id in ["r2", "r3"] {
        let mut run = queued.clone();
        (run["id"], run["sessionKey"]) = (id.into(), session.into());
        chat.transaction().put("runs", id, &run, 0).unwrap().commit().unwrap();
    }
    let lane = json!({ "running": "r1", "waiting": [], "taken_in": ["r2", "r3"] });
    chat.transaction().put("lanes", session, &lane, 0).unwrap().commit().unwrap();
    assert_eq!((status(&tenant, "r2").as_str(), status(&tenant, "r3").as_str()), ("error", "error"));
    let expected = [("user", "continue"), ("assistant", ""), ("user", "continue"), ("assistant", "")];
    assert_eq!(said_in(&tenant, session), pairs(&expected));
}

#[test]
fn a_run_takes_in_no_more_at_once_than_are_ended_with_it() {
    let queue = json!({ "messages": { "queue": { "mode": "steer", "cap": 300 } } });
    let wants = |number: u32| Said::calls("exec", json!({ "command": number.to_string() }));
    let script = [wants(1).when("begin"), wants(2).when("r7"), wants(3).when("r15"), Said::text(["Done."])];
    let tenant = std::rc::Rc::new(tenant(script).with_config(queue));
    let inner = std::rc::Rc::downgrade(&tenant);
    tenant.play_sandbox(move |workload| {
        let tenant = inner.upgrade().unwrap();
        let lane: Value = tenant.database("chat").collection("lanes").get(MAIN).unwrap().unwrap();
        match lane["taken_in"].as_array().map(Vec::len) {
            Some(0) => (0..300).for_each(|number| _ = send(&tenant, &format!("r{number}"), &format!("r{number}"))),
            taken_in => assert_eq!(taken_in, Some(8), "those that came before have ended"),
        }
        echo(workload)
    });
    assert_eq!(ask(&tenant, "r", "begin")["status"], "ok");
    assert_eq!((status(&tenant, "r23").as_str(), status(&tenant, "r24").as_str()), ("ok", "timeout"));
    let aborted: Value = tenant.call("chat.abort", json!({ "sessionKey": MAIN })).unwrap();
    assert_eq!(aborted["runIds"].as_array().map(Vec::len), Some(276), "those beyond waited on");
}

#[test]
fn a_message_that_was_to_steer_a_run_is_kept_where_the_gateway_dies_before_it_is_told() {
    let tenant = tenant([Said::text(["hi"])]);
    send(&tenant, "r1", "first");
    send(&tenant, "r2", "second");
    let lane = json!({ "running": "r1", "waiting": [], "taken_in": ["r2"] });
    tenant.database("chat").transaction().put("lanes", MAIN, &lane, 0).unwrap().commit().unwrap();
    tenant.kill();
    assert_eq!((status(&tenant, "r2").as_str(), status(&tenant, "r1").as_str()), ("error", "error"));
    let expected = [("user", "first"), ("assistant", ""), ("user", "second"), ("assistant", "")];
    assert_eq!(said(&tenant), pairs(&expected));
}

/// A transcript that ends in the call of a tool.
fn ask_unanswered(tenant: &Tenant) {
    let call = json!([{ "type": "toolCall", "id": "call_0", "name": "ls", "arguments": {} }]);
    converse(
        tenant,
        &[
            json!({ "role": "user", "content": [{ "type": "text", "text": "list" }] }),
            json!({ "role": "assistant", "content": call }),
        ],
    );
}

/// Makes the main session, with these messages.
fn converse(tenant: &Tenant, messages: &[Value]) {
    let sessions = tenant.database("sessions");
    create(&sessions, &json!({ "key": MAIN })).unwrap();
    say(tenant, MAIN, messages);
}

/// Adds these messages to the transcript of a session.
fn say(tenant: &Tenant, session: &str, messages: &[Value]) {
    let line = |(number, message): (usize, &Value)| {
        json!({ "type": "message", "id": number.to_string(), "parentId": null, "timestamp": "", "message": message })
            .to_string()
            .into_bytes()
    };
    let lines = messages.iter().enumerate().map(line).collect();
    let sessions = tenant.database("sessions");
    sessions.transaction().append(&format!("transcript:id of {session}"), lines).commit().unwrap();
}

#[test]
fn what_is_no_message_is_refused_by_name() {
    let tenant = tenant([Said::text(["hi"])]);
    let refused = |params: Value| tenant.call::<_, Value>("agent", params).unwrap_err();
    let of_nobody = refused(json!({ "message": "a", "idempotencyKey": "r", "agentId": "nobody" }));
    assert_eq!(of_nobody.code, "NOT_FOUND");
    for params in [
        json!({ "message": " ", "idempotencyKey": "r" }),
        json!({ "message": "a", "idempotencyKey": "" }),
        json!({ "message": "a", "idempotencyKey": "r", "attachments": [{}] }),
        json!({ "message": "a", "idempotencyKey": "r", "deliver": true }),
        json!({ "message": "a", "idempotencyKey": "r", "sessionKey": "agent:other:main", "agentId": "main" }),
    ] {
        assert_eq!(refused(params.clone()).code, "INVALID_REQUEST", "{params}");
    }
    assert_eq!(tenant.call::<_, Value>("agent.wait", json!({ "runId": "none" })).unwrap_err().code, "NOT_FOUND");
}

#[test]
fn a_session_that_was_spawned_reports_and_neither_side_spawns_again() {
    let spawn = || Said::calls("session_spawn", json!({ "task": "count them" }));
    let script = [
        spawn().when("begin"),
        Said::text(["It is at work."]).when("is at work"),
        spawn().when("count them"),
        Said::text(["Six."]).when("FORBIDDEN"),
        spawn().when("has ended"),
        Said::text(["never"]),
    ];
    let tenant = tenant(script);
    let sessions = tenant.database("sessions");
    let tenant = tenant.with_method("sessions.patch", move |params| {
        let key = params["key"].as_str().unwrap_or_default();
        sessions
            .transaction()
            .put("session-details", key, &json!({ "spawnDepth": params["spawnDepth"] }), 1)?
            .commit()?;
        Ok(json!({ "ok": true }))
    });
    assert_eq!(ask(&tenant, "r1", "begin")["summary"], "It is at work.");
    assert_eq!(tenant.run_tasks(), 2, "the spawned run, and the report of it");
    let said = said(&tenant);
    assert!(said.iter().any(|(role, text)| role == "user" && text.contains(">\nSix.\n</answer ")), "{said:?}");
    assert_eq!(said.last().map(|(_, text)| text.as_str()), Some("Six."), "the report's own run was refused to spawn");
}
