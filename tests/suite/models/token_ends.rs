//! A request that waits for its answer ends with the token that it came with.

use openclaw_tests::wait_until;

use super::{upstream::Step, *};

#[test]
fn an_answer_that_is_waited_for_whole_is_none_of_a_token_that_was_rotated() {
    let upstream = Upstream::start(vec![Step::Wait]);
    let daemon = served_by(&upstream);
    let tenant = daemon.tenant("acme");
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| post(&tenant, CHAT, &says("hello")));
        wait_until("the provider is asked", || !upstream.received().is_empty());
        daemon.operator().done("tenants.rotate", json!({ "tenantId": "acme" }));
        let response = asks.join().expect("it was answered");
        assert_eq!((response.status, &response.json()["error"]["code"]), (401, &json!("invalid_api_key")));
    });
    upstream.go();
}
