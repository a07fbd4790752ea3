//! Many streams at once: each comes to its end, each is billed by its own numbers, and the gateway's memory is bounded.

use std::thread;

use openclaw_tests::{torture, wait_until};

use super::{
    rows::rows,
    upstream::{Step, streamed},
    *,
};

/// A tenant has 64 calls of models at once.
const TENANTS: usize = 8;

/// Pieces of an answer.
const PIECES: usize = 200;

/// What a stream may take of the gateway's memory, as in the bench (C7).
const KIB_A_STREAM: u64 = 512;

/// The numbers of the stream that was asked for by `number`: no other has both.
fn usage(number: usize) -> (i64, i64) {
    let number = i64::try_from(number).expect("a small number");
    (1 + number % 7, 1 + number / 7)
}

/// Stands still in the middle of its answer.
fn answer(request: &Value) -> Vec<Step> {
    let number = request["messages"][0]["content"].as_str().and_then(|text| text.parse().ok()).expect("a number");
    let (input, output) = usage(number);
    let piece = Some(r#"{"choices":[{"delta":{"content":"token "}}]}"#);
    let stop = Some(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#);
    let used = json!({ "choices": [], "usage": { "prompt_tokens": input, "completion_tokens": output } }).to_string();
    let mut events = vec![piece; PIECES / 2];
    events.push(None);
    events.extend(vec![piece; PIECES / 2]);
    events.extend([stop, Some(used.as_str()), Some("[DONE]")]);
    streamed(&events)
}

/// Asks for a stream, and reads it to its end.
fn read(tenant: &Tenant, number: usize) {
    let response = post(tenant, CHAT, &streams(&number.to_string()));
    let told = data(&response);
    assert_eq!(told.last().map(String::as_str), Some("[DONE]"), "stream {number}: {told:?}");
    assert_eq!(told.iter().filter(|data| data.contains("token ")).count(), PIECES, "stream {number}");
}

#[test]
fn many_streams_at_once_end_and_are_billed_in_bounded_memory() {
    let count = if torture() { 200 } else { 40 };
    let upstream = Upstream::answering(answer);
    let daemon = served_by(&upstream);
    let tenants: Vec<Tenant> = (0..TENANTS).map(|n| daemon.tenant(&format!("t{n}"))).collect();
    // What the first calls load and open stays.
    for tenant in &tenants {
        upstream.go();
        read(tenant, 0);
    }
    let (at_rest, before) = (daemon.memory_kib("VmRSS"), daemon.memory_kib("VmHWM"));
    thread::scope(|scope| {
        for number in 1..=count {
            let tenant = &tenants[number % TENANTS];
            scope.spawn(move || read(tenant, number));
        }
        wait_until("all are under way", || upstream.received().len() == TENANTS + count);
        (0..count).for_each(|_| upstream.go());
    });
    let (peak, streams) = (daemon.memory_kib("VmHWM"), u64::try_from(count).expect("a small number"));
    let most = before.max(at_rest + streams * KIB_A_STREAM);
    assert!(peak <= most, "{at_rest} KiB at rest, {peak} KiB with {count} streams");

    for (index, tenant) in tenants.iter().enumerate() {
        let rows = rows(daemon.home(), &tenant.id);
        assert!(rows.iter().all(|row| row.outcome == "ok"), "{rows:#?}");
        let mut billed: Vec<(i64, i64)> = rows.iter().map(|row| (row.input, row.output)).collect();
        let numbers = std::iter::once(0).chain((1..=count).filter(|number| number % TENANTS == index));
        let mut asked: Vec<(i64, i64)> = numbers.map(usage).collect();
        billed.sort_unstable();
        asked.sort_unstable();
        assert_eq!(billed, asked, "{}: a row for each stream, with the provider's own numbers", tenant.id);
    }
    is_sound(&daemon);
}
