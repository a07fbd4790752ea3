//! Events of any provider, told as a response.

use super::*;

const USED: TokenCounts = TokenCounts {
    input_uncached: 5,
    input_cache_read: 3,
    input_cache_write: 0,
    input_cache_write_1h: 0,
    output_text: 4,
    output_reasoning: 2,
};

fn response(request: &Value) -> Response {
    Response::new("resp_1", "m", 7, request.as_object().expect("an object"))
}

fn text(text: &str) -> Event {
    Event::Text(text.into())
}

fn call(index: u64, id: Option<&str>, arguments: &str) -> Event {
    let name = id.map(|_| "ls".to_owned());
    Event::ToolCall { index, id: id.map(str::to_owned), name, arguments: arguments.into() }
}

/// What a stream of these events tells.
fn told(events: &[Event]) -> Vec<Frame> {
    let mut response = response(&json!({}));
    let mut frames: Vec<Frame> = events.iter().flat_map(|event| response.tell(event)).collect();
    frames.extend(response.end(&USED));
    frames
}

#[test]
fn a_text_is_told_as_the_interface_documents() {
    let frames = told(&[text("It "), text("rains."), Event::Stop("end_turn".into()), Event::Usage(Ok(USED))]);
    let names: Vec<&str> = frames.iter().map(|frame| frame.name).collect();
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(names, expected);
    for (number, frame) in (0..).zip(&frames) {
        assert_eq!((&frame.data["type"], &frame.data["sequence_number"]), (&json!(frame.name), &json!(number)));
    }
    assert_eq!(frames[0].data["response"]["status"], "in_progress");
    assert_eq!((&frames[4].data["delta"], &frames[6].data["text"]), (&json!("It "), &json!("It rains.")));
    let last = &frames[9].data["response"];
    assert_eq!((&last["status"], &last["output"][0]["content"][0]["text"]), (&json!("completed"), &json!("It rains.")));
    let usage = &last["usage"];
    assert_eq!(
        (&usage["input_tokens"], &usage["output_tokens"], &usage["total_tokens"]),
        (&json!(8), &json!(6), &json!(14))
    );
    assert_eq!(usage["output_tokens_details"]["reasoning_tokens"], 2);
}

#[test]
fn thoughts_words_and_calls_are_items_of_their_own() {
    let frames = told(&[
        Event::Reasoning("Hm.".into()),
        text("Let me see."),
        call(1, Some("t1"), "{\"a\""),
        call(2, Some("t2"), "{}"),
        call(1, None, ":1}"),
        Event::Stop("tool_use".into()),
    ]);
    let output = frames.last().expect("a frame").data["response"]["output"].clone();
    let kinds: Vec<&str> = output.as_array().expect("items").iter().filter_map(|item| item["type"].as_str()).collect();
    assert_eq!(kinds, ["reasoning", "message", "function_call", "function_call"]);
    assert_eq!((&output[2]["call_id"], &output[2]["arguments"]), (&json!("t1"), &json!("{\"a\":1}")));
    let closed = |kind: &str| frames.iter().position(|frame| frame.name == kind).expect("it is told");
    assert!(closed("response.reasoning_text.done") < closed("response.output_text.delta"), "one after the other");
    let added = frames.iter().filter(|frame| frame.name == "response.output_item.added").count();
    let done = frames.iter().filter(|frame| frame.name == "response.output_item.done").count();
    assert_eq!((added, done), (4, 4));
}

#[test]
fn an_answer_that_was_cut_says_by_what() {
    let frames = told(&[text("It"), Event::Stop("max_tokens".into())]);
    let last = frames.last().expect("a frame");
    assert_eq!(last.name, "response.incomplete");
    assert_eq!(last.data["response"]["incomplete_details"], json!({ "reason": "max_output_tokens" }));
}

#[test]
fn a_whole_response_repeats_what_was_asked() {
    let mut response = response(&json!({ "instructions": "Be brief.", "temperature": null, "input": "hi" }));
    response.tell(&text("Hi"));
    let whole = response.whole(&USED);
    assert_eq!(
        (&whole["id"], &whole["object"], &whole["created_at"]),
        (&json!("resp_1"), &json!("response"), &json!(7))
    );
    assert_eq!((&whole["instructions"], &whole["tool_choice"]), (&json!("Be brief."), &json!("auto")));
    assert_eq!((&whole["status"], &whole["output"][0]["status"]), (&json!("completed"), &json!("completed")));
    assert!(whole.get("input").is_none(), "{whole}");
}
