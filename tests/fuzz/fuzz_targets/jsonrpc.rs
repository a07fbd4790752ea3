//! Any bytes as the body of `POST /rpc`: no panic, and what is accepted is what
//! a plain JSON parser sees too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

// The parser is the gateway's own and not public: its source is taken in as it is.
#[path = "../../../host/gateway/src"]
mod gateway {
    pub mod request;
}

use gateway::request::{Body, Frame, parse};

const DEPTH: usize = 64;
const BATCH: usize = 50;

fuzz_target!(|body: &[u8]| {
    let plain: Result<Value, _> = serde_json::from_slice(body);
    match parse(body, DEPTH, BATCH) {
        Err(_) => {}
        Ok(Body::Single(frame)) => check(&frame, plain.as_ref().expect("accepted bodies are JSON")),
        Ok(Body::Batch(frames)) => {
            let items = plain.as_ref().ok().and_then(Value::as_array).expect("a batch is an array");
            assert!((1..=BATCH).contains(&frames.len()));
            assert_eq!(frames.len(), items.len());
            frames.iter().zip(items).for_each(|(frame, item)| check(frame, item));
        }
    }
});

/// An accepted call says what the JSON says.
fn check(frame: &Frame<'_>, plain: &Value) {
    let Ok(call) = frame else { return };
    assert_eq!(plain["jsonrpc"], "2.0");
    assert_eq!(plain["method"], *call.method);
    assert_eq!(call.id.is_some(), plain.get("id").is_some());
    assert_eq!(call.params.is_some(), plain.get("params").is_some());
    if let Some(id) = call.id {
        let echoed: Value = serde_json::from_str(id.get()).expect("an id is JSON");
        assert!(echoed.is_string() || echoed.is_number() || echoed.is_null());
        assert_eq!(Some(&echoed), plain.get("id"));
    }
}
