//! What speaks OpenAI's protocol.

use super::*;

const HI: &str = r#"data: {"id":"chatcmpl-1","model":"small-2026","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}],"x_new":[1]}"#;
const STOP: &str = r#"data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str =
    r#"data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}"#;
const DONE: &str = "data: [DONE]";

fn data(event: &str) -> &str {
    event.trim_start_matches("data: ")
}

#[tokio::test]
async fn a_stream_is_told_as_it_came_and_settled_before_its_end() {
    let server = Server::streaming(&[HI, STOP, USAGE, DONE]).await;
    let world = World::openai(&server).await;
    let answer = world.ask(hi(json!({ "stream": true, "x_new": 1 }))).await.expect("an answer");
    let (told, row) = told(answer).await;
    assert_eq!(told, [data(HI), data(STOP)], "the usage was not asked for");
    let row = row.expect("a row");
    assert_eq!((row.outcome, row.tokens), (Outcome::Ok, tokens(9, 1)));
    assert_eq!(row.cost.to_string(), "0.000011");
    assert_eq!(row.model_served.as_deref(), Some("small-2026"));
    assert_eq!(row.provider_request_id.as_deref(), Some("chatcmpl-1"));
    let sent = &server.received()[0];
    assert!(
        sent.head.starts_with("POST /v1/chat/completions ") && sent.head.contains("Bearer sk-canary"),
        "{}",
        sent.head
    );
    assert_eq!(sent.body["stream_options"]["include_usage"], true);
    assert_eq!((&sent.body["max_tokens"], &sent.body["x_new"]), (&json!(100), &json!(1)));
    world.is_sound().await;
}

#[tokio::test]
async fn the_usage_is_told_to_who_asks_for_it() {
    let server = Server::streaming(&[HI, STOP, USAGE, DONE]).await;
    let world = World::openai(&server).await;
    let body = hi(json!({ "stream": true, "stream_options": { "include_usage": true } }));
    let (told, _) = told(world.ask(body).await.expect("an answer")).await;
    assert_eq!(told.last().map(String::as_str), Some(data(USAGE)));
}

#[tokio::test]
async fn a_whole_answer_passes_to_the_byte() {
    let body = r#"{ "id": "chatcmpl-2", "x_new" : {"a": 1.50}, "choices": [{"message": {"content": "Hi"}}], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}"#;
    let server = Server::with("200 OK", "application/json", body).await;
    let world = World::openai(&server).await;
    let (told, row) = told(world.ask(hi(json!({}))).await.expect("an answer")).await;
    assert_eq!(told, [body]);
    assert_eq!(row.expect("a row").tokens, tokens(9, 1));
}

#[tokio::test]
async fn a_stream_without_usage_is_counted_and_marked() {
    let server = Server::streaming(&[HI, STOP, DONE]).await;
    let world = World::openai(&server).await;
    let (_, row) = told(world.ask(hi(json!({ "stream": true }))).await.expect("an answer")).await;
    let row = row.expect("a row");
    assert_eq!((row.outcome, row.tokens), (Outcome::Estimated, tokens(7, 1)));
    world.is_sound().await;
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_in_an_error_and_is_billed_for_what_came() {
    for broken in [&[HI][..], &[HI, "data: {\"choices\": [", DONE][..]] {
        let server = Server::streaming(broken).await;
        let world = World::openai(&server).await;
        let answer = world.ask(hi(json!({ "stream": true }))).await.expect("an answer");
        let id = answer.id;
        let (told, end) = told(answer).await;
        assert_eq!(told, [data(HI)]);
        assert!(matches!(end, Err(ModelError::Provider(ProviderError::Broken { .. }))), "{end:?}");
        let row = world.row(id).await;
        assert_eq!((row.outcome, row.tokens), (Outcome::Estimated, tokens(7, 1)));
    }
}

#[tokio::test]
async fn an_error_within_a_stream_is_told_and_the_row_says_so() {
    let error = r#"data: {"error":{"message":"overloaded"}}"#;
    let server = Server::streaming(&[HI, USAGE, error, DONE]).await;
    let world = World::openai(&server).await;
    let (told, row) = told(world.ask(hi(json!({ "stream": true }))).await.expect("an answer")).await;
    assert_eq!(told, [data(HI), data(error)]);
    assert_eq!(row.expect("a row").outcome, Outcome::ProviderError);
}

#[tokio::test]
async fn a_server_that_goes_silent_is_given_up() {
    let mut steps = server::stream(&[HI]);
    steps.push(Step::Hang);
    let server = Server::start(move |_| steps.clone()).await;
    let mut provider = openai(&server);
    provider["idle_seconds"] = json!(1);
    let world = World::of(&json!([provider])).await;
    let (_, end) = told(world.ask(hi(json!({ "stream": true }))).await.expect("an answer")).await;
    assert!(matches!(end, Err(ModelError::Provider(ProviderError::TimedOut { .. }))), "{end:?}");
    world.is_sound().await;
}

#[tokio::test]
async fn a_server_that_is_asked_for_a_stream_and_answers_as_a_whole_is_understood() {
    let body =
        r#"{"id":"c","choices":[{"message":{"content":"Hi"}}],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#;
    let server = Server::with("200 OK", "application/json; charset=utf-8", body).await;
    let world = World::openai(&server).await;
    let (told, row) = told(world.ask(hi(json!({ "stream": true }))).await.expect("an answer")).await;
    assert_eq!((told, row.expect("a row").tokens), (vec![body.to_owned()], tokens(9, 1)));
}

#[tokio::test]
async fn a_refusal_in_the_providers_words_where_they_are_about_the_request() {
    let body = r#"{"error":{"message":"temperature is too high","type":"invalid_request_error"}}"#;
    let server = Server::with("400 Bad Request", "application/json", body).await;
    let world = World::openai(&server).await;
    let error = world.ask(hi(json!({}))).await.expect_err("it is refused").to_string();
    assert_eq!(error, "up answered 400: temperature is too high");
}

/// The public interfaces repeat a part of the key that they refuse; some servers all of it.
#[tokio::test]
async fn a_key_is_in_no_error_whatever_the_provider_repeats() {
    for status in ["401 Unauthorized", "500 Internal Server Error"] {
        let body = r#"{"error":{"message":"Incorrect API key provided: sk-canary"}}"#;
        let server = Server::with(status, "application/json", body).await;
        let world = World::openai(&server).await;
        let error = world.ask(hi(json!({}))).await.expect_err("it is refused");
        let shown = format!("{error} {error:?} {:?}", world.models.catalog.load());
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[tokio::test]
async fn no_redirection_is_followed() {
    let other = Server::with("200 OK", "application/json", "{}").await;
    let to = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", other.url("/"));
    let server = Server::start(move |_| vec![Step::Send(to.clone())]).await;
    let world = World::openai(&server).await;
    assert!(world.ask(hi(json!({}))).await.is_err());
    assert!(other.received().is_empty(), "the key went elsewhere");
}

#[tokio::test]
async fn a_streamed_response_and_embeddings() {
    let delta = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}";
    let done = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}";
    let server = Server::streaming(&[delta, done]).await;
    let world = World::openai(&server).await;
    let body = json!({ "model": "small", "input": "hello", "stream": true });
    let answer = world.ask_at(Endpoint::Responses, body, Quotas::default()).await.expect("an answer");
    let (events, row) = told(answer).await;
    assert_eq!((events.len(), row.expect("a row").tokens), (2, tokens(9, 1)));

    let vectors = r#"{"object":"list","data":[{"embedding":[0.1]}],"model":"small","usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    let server = Server::with("200 OK", "application/json", vectors).await;
    let world = World::openai(&server).await;
    let body = json!({ "model": "small", "input": ["hello"] });
    let answer = world.ask_at(Endpoint::Embeddings, body, Quotas::default()).await.expect("an answer");
    let (body, row) = told(answer).await;
    assert_eq!((body, row.expect("a row").tokens), (vec![vectors.to_owned()], tokens(8, 0)));
    assert!(server.received()[0].head.starts_with("POST /v1/embeddings "));
}

#[tokio::test]
async fn an_embedding_has_more_values_than_anything_else_may_and_is_billed() {
    let vector = vec!["0.5"; 300_000].join(",");
    let body = format!(
        r#"{{"data":[{{"embedding":[{vector}]}}],"model":"m","usage":{{"prompt_tokens":8,"total_tokens":8}}}}"#
    );
    let server = Server::with("200 OK", "application/json", &body).await;
    let world = World::openai(&server).await;
    let ask = json!({ "model": "small", "input": "hello" });
    let (_, row) = told(world.ask_at(Endpoint::Embeddings, ask, Quotas::default()).await.expect("an answer")).await;
    assert_eq!(row.expect("a row").tokens, tokens(8, 0));
}

#[tokio::test]
async fn an_answer_that_is_larger_than_is_taken_is_not_read_and_no_failure_of_the_provider() {
    let server = Server::start(|request| match request.body["stream"] == true {
        true => server::stream(&[HI, USAGE, DONE]),
        false => vec![Step::Send(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99000000\r\n\r\n".into(),
        )],
    })
    .await;
    let world = World::openai(&server).await;
    for _ in 0..20 {
        let (_, end) = told(world.ask(hi(json!({}))).await.expect("an answer begins")).await;
        assert!(matches!(end, Err(ModelError::Provider(ProviderError::TooLarge { .. }))), "{end:?}");
    }
    let answer = world.ask(hi(json!({ "stream": true }))).await.expect("the provider is asked");
    assert_eq!(told(answer).await.1.expect("a row").outcome, Outcome::Ok);
}
