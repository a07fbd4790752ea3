//! Budgets, callers that go away, and providers that cannot be reached.

use tokio::sync::Semaphore;

use super::*;

const HI: &str = r#"data: {"choices":[{"delta":{"content":"Hi"}}]}"#;
const USAGE: &str = r#"data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#;
const WHOLE: &str = r#"{"choices":[{"message":{"content":"Hi"}}],"usage":{"prompt_tokens":7,"completion_tokens":100}}"#;

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9/v1";

fn cost_a_day(usd: &str) -> Quotas {
    Quotas { cost_per_day_usd: Some(usd.parse().expect("a decimal")), ..Quotas::default() }
}

/// A call is reserved at 7 + 2 · 100 micro-USD, and costs just that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_callers_at_once_exactly_those_that_fit_reach_the_provider() {
    let server = Server::with("200 OK", "application/json", WHOLE).await;
    let world = Arc::new(World::openai(&server).await);
    let callers: Vec<_> = (0..40)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move {
                let answer = world.ask_at(Endpoint::Chat, hi(json!({})), cost_a_day("0.001449")).await;
                match answer {
                    Ok(answer) => drop(told(answer).await.1.expect("a row")),
                    Err(error) => return Err(error),
                }
                Ok(())
            })
        })
        .collect();
    let mut admitted = 0;
    for caller in callers {
        match caller.await.expect("a caller") {
            Ok(()) => admitted += 1,
            Err(ModelError::Reserve(openclaw_billing::ReserveError::Refused(refusal))) => {
                assert_eq!(refusal.quota, "cost_per_day_usd");
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((admitted, server.received().len()), (7, 7), "0.001449 is seven times 0.000207");
    world.is_sound().await;
}

/// Its connection may serve the next call of somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_where_all_calls_do_whoever_asks_and_ends() {
    let held = Arc::new(Semaphore::new(0));
    let mut steps = server::stream(&[HI, USAGE, "data: [DONE]"]);
    steps.insert(2, Step::Await(held.clone()));
    let server = Server::start(move |_| steps.clone()).await;
    let world = Arc::new(World::openai(&server).await);
    let asking = world.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let caller = std::thread::spawn(move || {
            let others = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            others.block_on(asking.ask(hi(json!({ "stream": true }))))
        });
        caller.join().expect("it does not panic")
    });
    let answer = asked.await.expect("it ends").expect("an answer");
    held.add_permits(1);
    assert_eq!(told(answer).await.1.expect("a row").tokens, tokens(9, 1));
    world.is_sound().await;
}

#[tokio::test]
async fn a_model_without_a_price_is_called_by_nobody() {
    let server = Server::with("200 OK", "application/json", WHOLE).await;
    let mut provider = openai(&server);
    provider["models"] = json!(["unpriced"]);
    let world = World::of(&json!([provider])).await;
    let error = world.ask(hi(json!({ "model": "unpriced" }))).await.expect_err("it is refused").to_string();
    assert!(error.contains("no price"), "{error}");
    assert!(server.received().is_empty() && world.models.offered().is_empty());
}

/// The provider goes on after its client has hung up, and its numbers come last.
#[tokio::test]
async fn who_goes_away_is_billed_by_the_providers_own_numbers() {
    let gate = Arc::new(Semaphore::new(0));
    let mut steps = server::stream(&[HI]);
    steps.push(Step::Await(gate.clone()));
    steps.push(Step::Send(format!("{HI}\n\n{USAGE}\n\ndata: [DONE]\n\n")));
    let server = Server::start(move |_| steps.clone()).await;
    let world = World::openai(&server).await;
    let mut answer = world.ask(hi(json!({ "stream": true }))).await.expect("an answer");
    assert!(matches!(answer.next().await, Some(Ok(Piece::Chunk { .. }))));
    let id = answer.id;
    drop(answer);
    gate.add_permits(1);
    let row = world.row(id).await;
    assert_eq!((row.outcome, row.tokens), (Outcome::ClientGone, tokens(9, 1)));
    world.is_sound().await;
}

#[tokio::test]
async fn who_goes_away_before_the_answer_begins_is_billed_too() {
    let gate = Arc::new(Semaphore::new(0));
    let (held, whole) = (gate.clone(), server::response("200 OK", "application/json", WHOLE));
    let server = Server::start(move |_| vec![Step::Await(held.clone()), Step::Send(whole.clone())]).await;
    let world = World::openai(&server).await;
    world.ask_and_go(&server).await;
    gate.add_permits(1);
    loop {
        let calls = world.calls().await;
        if calls.as_array().is_some_and(|calls| !calls.is_empty()) {
            assert_eq!(calls[0]["output_tokens"], 100, "{calls}");
            break;
        }
        tokio::task::yield_now().await;
    }
    world.is_sound().await;
}

/// Polls once.
pub(super) async fn futures_once<T>(mut work: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_provider_that_goes_on_for_ever_is_not_listened_to_for_ever() {
    let mut steps = server::stream(&[HI]);
    steps.push(Step::Hang);
    let server = Server::start(move |_| steps.clone()).await;
    let world = World::draining(&json!([openai(&server)]), Duration::from_millis(10)).await;
    let mut answer = world.ask(hi(json!({ "stream": true }))).await.expect("an answer");
    assert!(answer.next().await.is_some());
    let id = answer.id;
    drop(answer);
    let row = world.row(id).await;
    assert_eq!((row.outcome, row.tokens), (Outcome::Estimated, tokens(7, 1)));
}

#[tokio::test]
async fn what_was_never_sent_costs_nothing_and_a_fallback_answers() {
    let server = Server::with("200 OK", "application/json", WHOLE).await;
    let away = json!({ "id": "away", "kind": "openai", "base_url": NOWHERE,
        "models": [{ "id": "large", "fallbacks": ["small"] }, "other"] });
    let world = World::of(&json!([away, openai(&server)])).await;
    let answer = world.ask(hi(json!({ "model": "large", "max_tokens": 100 }))).await.expect("an answer");
    assert_eq!((answer.model.as_str(), answer.provider.as_str()), ("small", "up"));
    let row = told(answer).await.1.expect("a row");
    assert_eq!((row.model_requested.as_str(), row.cost.to_string()), ("small", "0.000207".to_owned()));
    let calls = world.calls().await;
    assert_eq!(calls.as_array().map(Vec::len), Some(1), "{calls}");
    world.is_sound().await;
}

#[tokio::test]
async fn a_provider_that_fails_is_a_row_without_tokens_and_is_left_alone_after_a_while() {
    let server = Server::with("503 Service Unavailable", "text/plain", "busy").await;
    let world = World::openai(&server).await;
    for _ in 0..5 {
        let error = world.ask(hi(json!({}))).await.expect_err("it fails");
        assert!(matches!(error, ModelError::Provider(ProviderError::Refused { status: 503, .. })), "{error}");
    }
    let error = world.ask(hi(json!({}))).await.expect_err("it rests");
    assert!(matches!(error, ModelError::Provider(ProviderError::Resting { .. })), "{error}");
    assert_eq!(server.received().len(), 5);
    world.is_sound().await;
}

#[tokio::test]
async fn a_request_has_its_place_before_it_is_counted() {
    let server = Server::with("200 OK", "application/json", WHOLE).await;
    let world = World::openai(&server).await;
    let enter = || world.models.enter(World::request(Endpoint::Chat, hi(json!({})), Quotas::default()));
    let mut entered: Vec<_> = (0..super::super::CALLS_PER_TENANT).map(|_| enter().expect("a place")).collect();
    assert!(matches!(enter(), Err(ModelError::Busy)));
    let counted = entered.pop().expect("one of them").count().expect("it is counted");
    assert!(matches!(enter(), Err(ModelError::Busy)), "counted, it has its place still");
    drop(counted);
    assert!(enter().is_ok());
}

#[tokio::test]
async fn who_goes_away_again_and_again_closes_the_provider_to_nobody() {
    let server = Server::start(|request| match request.body["stream"] == true {
        true => server::stream(&[HI, USAGE, "data: [DONE]"]),
        false => vec![Step::Hang],
    })
    .await;
    let world = World::draining(&json!([openai(&server)]), Duration::ZERO).await;
    for _ in 0..20 {
        world.ask_and_go(&server).await;
    }
    while world.calls().await.as_array().map_or(0, Vec::len) < 20 {
        tokio::task::yield_now().await;
    }
    let answer = world.ask(hi(json!({ "stream": true }))).await.expect("the provider is asked");
    assert_eq!(told(answer).await.1.expect("a row").outcome, Outcome::Ok);
}

/// An answer of which nothing was read can have been as long as it was allowed to be.
#[tokio::test]
async fn who_goes_away_and_reads_nothing_is_billed_for_all_that_may_have_come() {
    let server = Server::start(|_| vec![Step::Hang]).await;
    let world = World::draining(&json!([openai(&server)]), Duration::ZERO).await;
    world.ask_and_go(&server).await;
    let row = loop {
        let calls = world.calls().await;
        if let Some(row) = calls.get(0) {
            break row.clone();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((&row["input_tokens"], &row["output_tokens"]), (&json!(7), &json!(100)), "{row}");
    world.is_sound().await;
}
