//! R4 in short: whatever bytes arrive, no 5xx and a daemon that lives.

use openclaw_tests::{Connection, Daemon, torture};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

fn runner(cases: u32) -> TestRunner {
    let config =
        Config { cases: if torture() { cases * 50 } else { cases }, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// JSON of any shape, with the words of JSON-RPC among its keys and strings.
fn json_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("\"jsonrpc\""),
        Just("\"2.0\""),
        Just("\"id\""),
        Just("\"method\""),
        Just("\"params\""),
        Just("\"health\""),
        Just("\"sessions.list\""),
        Just("\"limit\""),
        Just("null"),
        Just("1"),
        Just("-0"),
        Just("1e400"),
        Just("\"\\ud800\""),
        Just("true"),
        Just("{}"),
        Just("[]"),
        Just("\"\\u0000\""),
        Just("99999999999999999999"),
    ];
    let leaf = word.prop_map(str::to_owned);
    leaf.prop_recursive(6, 64, 6, |inner| {
        let key = prop_oneof![Just("jsonrpc"), Just("id"), Just("method"), Just("params"), Just("x")];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key, inner), 0..6).prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

#[test]
fn no_body_makes_a_server_error() {
    let daemon = Daemon::start();
    let tenant = daemon.tenant("acme");
    let body = prop_oneof![
        json_text().prop_map(String::into_bytes),
        (json_text(), any::<prop::sample::Index>())
            .prop_map(|(text, cut)| text.as_bytes()[..cut.index(text.len() + 1)].to_vec()),
        prop::collection::vec(any::<u8>(), 0..200),
    ];
    runner(400)
        .run(&body, |body| {
            let response = tenant.post(body.clone());
            prop_assert!(response.status < 500, "{} for {:?}", response.status, String::from_utf8_lossy(&body));
            prop_assert!(response.status == 204 || serde_json::from_slice::<serde_json::Value>(&response.body).is_ok());
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(daemon.get("/healthz").status, 200);
}

#[test]
fn no_bytes_make_a_server_error() {
    let mut daemon = Daemon::start();
    let piece = prop_oneof![
        Just(b"POST /rpc HTTP/1.1\r\n".to_vec()),
        Just(b"GET / HTTP/1.0\r\n".to_vec()),
        Just(b"Host: localhost\r\n".to_vec()),
        Just(b"Content-Length: 5\r\n".to_vec()),
        Just(b"Content-Length: 18446744073709551616\r\n".to_vec()),
        Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"fffffffffffffffff\r\n".to_vec()),
        Just(b"Upgrade: websocket\r\nConnection: upgrade\r\n".to_vec()),
        Just(b"\0\xff\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    let bytes = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    let address = daemon.address();
    runner(200)
        .run(&bytes, |bytes| {
            let Ok(mut connection) = Connection::open(address) else {
                return Err(TestCaseError::fail("it does not accept"));
            };
            let _ = connection.write(&bytes);
            connection.finish();
            let answer = connection.rest().unwrap_or_default();
            prop_assert!(
                !answer.starts_with(b"HTTP/1.1 5"),
                "{:?} -> {:?}",
                String::from_utf8_lossy(&bytes),
                String::from_utf8_lossy(&answer)
            );
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(daemon.is_running());
}
