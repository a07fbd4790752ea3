//! What speaks Anthropic's protocol, asked in OpenAI's; and the scripted model.

use super::*;

const STREAM: &[&str] = &[
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-1\",\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":10,\"output_tokens\":1}}}",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}",
    "event: ping\ndata: {\"type\":\"ping\"}",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":7}}",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}",
];

async fn world(server: &Server) -> World {
    let provider = json!({ "id": "up", "kind": "anthropic", "base_url": server.url("/v1"), "api_key": "sk-canary", "models": ["small"] });
    World::of(&json!([provider])).await
}

fn used() -> TokenCounts {
    TokenCounts { input_cache_read: 10, ..tokens(3, 7) }
}

#[tokio::test]
async fn it_streams_chunks_and_reports_the_cache_apart() {
    let server = Server::streaming(STREAM).await;
    let world = world(&server).await;
    let body = hi(json!({ "stream": true, "stream_options": { "include_usage": true } }));
    let (told, row) = told(world.ask(body).await.expect("an answer")).await;
    let told: Vec<Value> = told.iter().map(|text| text.parse().expect("JSON")).collect();
    assert_eq!(told[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": "Hi" }));
    assert_eq!(told[1]["choices"][0]["finish_reason"], "stop");
    assert_eq!(told[2]["usage"]["prompt_tokens_details"]["cached_tokens"], 10);
    let row = row.expect("a row");
    assert_eq!((row.tokens, row.provider_request_id.as_deref()), (used(), Some("msg_1")));
    let sent = &server.received()[0];
    assert!(sent.head.starts_with("POST /v1/messages "), "{}", sent.head);
    assert!(sent.head.contains("x-api-key: sk-canary") && sent.head.contains("anthropic-version: 2023-06-01"));
    assert_eq!((&sent.body["max_tokens"], &sent.body["stream"]), (&json!(4096), &json!(true)));
    world.is_sound().await;
}

#[tokio::test]
async fn it_answers_as_a_whole_to_who_wants_no_stream() {
    let server = Server::streaming(STREAM).await;
    let world = world(&server).await;
    let (told, row) = told(world.ask(hi(json!({}))).await.expect("an answer")).await;
    let whole: Value = told[0].parse().expect("JSON");
    assert_eq!(
        (&whole["object"], &whole["choices"][0]["message"]["content"]),
        (&json!("chat.completion"), &json!("Hi"))
    );
    assert_eq!((&whole["usage"]["prompt_tokens"], row.expect("a row").tokens), (&json!(13), used()));
}

#[tokio::test]
async fn a_stream_that_it_breaks_off_is_no_answer() {
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}";
    let server = Server::streaming(&[STREAM[0], STREAM[3], error]).await;
    let world = world(&server).await;
    for body in [hi(json!({})), hi(json!({ "stream": true }))] {
        let answer = world.ask(body).await.expect("an answer");
        let id = answer.id;
        let (_, end) = told(answer).await;
        assert!(matches!(end, Err(ModelError::Provider(ProviderError::Broken { .. }))), "{end:?}");
        assert_eq!(world.row(id).await.outcome, Outcome::Estimated);
    }
}

#[tokio::test]
async fn it_answers_a_request_of_responses_as_it_is_asked() {
    let server = Server::streaming(STREAM).await;
    let world = world(&server).await;
    let body =
        json!({ "model": "small", "instructions": "Be brief.", "input": "hi", "max_output_tokens": 9, "stream": true });
    let answer = world.ask_at(Endpoint::Responses, body.clone(), Quotas::default()).await.expect("an answer");
    let (told_events, row) = told(answer).await;
    let events: Vec<Value> = told_events.iter().map(|text| text.parse().expect("JSON")).collect();
    assert_eq!((&events[0]["type"], &events[4]["delta"]), (&json!("response.created"), &json!("Hi")));
    let last = &events.last().expect("an event")["response"];
    assert_eq!((&last["status"], &last["usage"]["input_tokens"]), (&json!("completed"), &json!(13)));
    assert_eq!(row.expect("a row").tokens, used());
    let sent = &server.received()[0].body;
    assert_eq!((&sent["max_tokens"], &sent["system"][0]["text"]), (&json!(9), &json!("Be brief.")));
    assert_eq!((sent.get("input"), sent.get("instructions")), (None, None));

    let mut whole = body;
    whole["stream"] = false.into();
    let (told, _) = told(world.ask_at(Endpoint::Responses, whole, Quotas::default()).await.expect("an answer")).await;
    let whole: Value = told[0].parse().expect("JSON");
    assert_eq!((&whole["object"], &whole["output"][0]["content"][0]["text"]), (&json!("response"), &json!("Hi")));
    world.is_sound().await;
}

#[tokio::test]
async fn what_it_does_not_serve_is_refused_by_name() {
    let server = Server::streaming(STREAM).await;
    let world = world(&server).await;
    let refused = async |endpoint, body| {
        let error = world.ask_at(endpoint, body, Quotas::default()).await.expect_err("it is refused");
        error.to_string()
    };
    let vectors = refused(Endpoint::Embeddings, json!({ "model": "small", "input": "hi" })).await;
    assert_eq!(vectors, "the provider of small has no /embeddings");
    let file = json!([{ "role": "user", "content": [{ "type": "input_file", "file_id": "x" }] }]);
    let part = refused(Endpoint::Responses, json!({ "model": "small", "input": file })).await;
    assert!(part.contains("input_file"), "{part}");
    assert_eq!(server.received().len(), 0, "nothing was sent");
}

#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "a file of this test's own directory")]
async fn the_scripted_model_is_metered_like_any_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = directory.path().join("script.yaml");
    std::fs::write(&script, "answers: [{text: [\"It \", rains.]}]\n").expect("a script");
    let world =
        World::of(&json!([{ "id": "script", "kind": "scripted", "script": script, "models": ["small"] }])).await;
    let (chunks, row) = told(world.ask(hi(json!({ "stream": true }))).await.expect("an answer")).await;
    assert_eq!((chunks.len(), row.expect("a row").tokens), (3, tokens(3, 3)));
    let (whole, _) = told(world.ask(hi(json!({}))).await.expect("an answer")).await;
    assert!(whole[0].contains("It rains."), "{whole:?}");
    let body = json!({ "model": "small", "input": ["hello world", "hi"] });
    let (vectors, row) =
        told(world.ask_at(Endpoint::Embeddings, body, Quotas::default()).await.expect("an answer")).await;
    assert!(vectors[0].contains("hashed-ngram-v1"));
    assert_eq!(row.expect("a row").tokens, tokens(3, 0));
}
