//! `chat.inject`: a message of the assistant without a run.

use crate::contract::*;

#[test]
fn keeps_the_contract() {
    contract("chat.inject", |stage| json!({ "sessionKey": stage.key, "message": "hello" }));
}

#[test]
fn the_message_is_in_the_history() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let key = "agent:main:direct:1";
    tenant.done("sessions.create", json!({ "key": key }));
    let injected = tenant.ok("chat.inject", json!({ "sessionKey": key, "message": "hello", "label": "note" }));
    has_fields(&injected, "ok messageId");
    let messages = tenant.ok("chat.history", json!({ "sessionKey": key }))["messages"].clone();
    assert_eq!(messages[0]["role"], "assistant");
    assert_eq!(messages[0]["content"][0]["text"], "[note]\n\nhello");
}

#[test]
fn the_tenants_connections_get_it_as_a_chat_event() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    tenant.done("sessions.create", json!({ "key": "agent:main:direct:1" }));
    let mut socket = tenant.socket();
    socket.subscribe(None);
    tenant.done("chat.inject", json!({ "sessionKey": "agent:main:direct:1", "message": "hello" }));
    let chat = socket.event_named("chat").payload;
    has_fields(&chat, "runId sessionKey seq state message? errorMessage? usage? stopReason?");
    assert_eq!(chat["state"], "final");
    assert_eq!(chat["message"]["content"][0]["text"], "hello");
}

#[test]
fn a_session_that_is_not_there_is_not_found() {
    let daemon = Daemon::start();
    let error =
        daemon.tenant("acme").err("chat.inject", json!({ "sessionKey": "agent:main:direct:none", "message": "x" }));
    assert_eq!((error.code, error.name()), (-32004, "NOT_FOUND"), "{error}");
}

#[test]
fn many_at_once_are_all_kept_in_one_chain() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let key = "agent:main:direct:1";
    tenant.done("sessions.create", json!({ "key": key }));
    let answered: usize = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let tenant = &tenant;
                scope.spawn(move || {
                    (0..10)
                        .filter(|n| {
                            tenant
                                .call("chat.inject", json!({ "sessionKey": key, "message": format!("{writer}.{n}") }))
                                .is_ok()
                        })
                        .count()
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().expect("a writer")).sum()
    });
    let messages = tenant.ok("chat.history", json!({ "sessionKey": key }))["messages"].clone();
    assert_eq!(messages.as_array().map(Vec::len), Some(answered));
    assert!(answered >= 10, "almost every writer was refused: {answered} of 40");
}
