//! What components' calls are granted to ask, in the audit log.

use super::{
    tests::{Log, ROW, attempt},
    *,
};

fn call(log: &Log) -> Arc<Attempts> {
    let source = Source::Call { family: "outbound".into(), digest: "d".into(), request_id: "r".into() };
    let (audit, hours) = (log.audit.clone(), log.hours.clone());
    let to = To { audit, hours, actor: Actor::Operator, tenant: "acme".parse().ok(), row: ROW, source };
    Arc::new(Attempts { to, seen: Mutex::default() })
}

#[test]
fn a_call_that_asks_the_same_again_has_one_line_for_that() {
    let log = Log::new();
    // One thread does one after the other.
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().expect("a runtime");
    runtime.block_on(async {
        let call = call(&log);
        for _ in 0..64 {
            assert!(call.clone().record(attempt("a.example", None)).await);
        }
        assert_eq!(log.lines().len(), 1, "it is there before it is answered");
        drop(call);
        tokio::task::spawn_blocking(|| ()).await.expect("the thread is done with the call's end");
    });
    let lines = log.lines();
    assert_eq!(
        (lines.len(), lines[1].0.as_str(), &lines[1].1["repeated"]),
        (2, "component.http", &json!(63)),
        "{lines:?}"
    );
    assert_eq!((&lines[0].1["family"], &lines[0].1["refused"]), (&json!("outbound"), &Value::Null));
}

#[tokio::test]
async fn calls_beyond_a_tenants_hour_are_answered_and_counted() {
    let log = Log::new().with_lines(LINES);
    for _ in 0..3 {
        let call = call(&log);
        assert!(call.clone().record(attempt("a.example", None)).await);
        call.told().await;
    }
    assert!(log.lines().is_empty());
    let rest = log.hours.ended(|_| true);
    assert_eq!((rest.len(), rest[0].1.attempts), (1, 3));
}
