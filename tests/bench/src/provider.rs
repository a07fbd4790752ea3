//! A model server for the rows about streams: it streams the same tokens to everyone, at once or with pauses.

use std::{convert::Infallible, time::Duration};

use anyhow::{Result, bail};
use axum::{
    Router,
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
    routing::post,
    serve::ListenerExt,
};
use futures_util::{StreamExt, stream};
use tokio::net::TcpListener;

/// The word that makes this binary the model server; then home (not used) and address.
pub(crate) const VERB: &str = "provider";

/// Tokens of an answer.
pub(crate) const TOKENS: usize = 200;

/// Between two tokens of the model `slow`.
const PAUSE: Duration = Duration::from_millis(10);

pub(crate) fn main(arguments: &[String]) -> Result<()> {
    let [_, address] = arguments else { bail!("provider HOME ADDRESS") };
    let serve = async {
        // As providers do: else the kernel holds a token back until the last one is acknowledged, 40 ms later.
        let listener = TcpListener::bind(address).await?.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, Router::new().route("/v1/chat/completions", post(answer))).await?;
        Ok(())
    };
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(serve)
}

async fn answer(body: Bytes) -> Response {
    let is_slow = body.windows(6).any(|word| word == b"\"slow\"");
    let tokens = stream::iter(0..TOKENS).then(move |n| async move {
        if is_slow && n > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        chunk(r#"[{"index":0,"delta":{"content":"token "},"finish_reason":null}]"#, "null")
    });
    let usage = format!(r#"{{"prompt_tokens":9,"completion_tokens":{TOKENS},"total_tokens":{}}}"#, TOKENS + 9);
    let stop = chunk(r#"[{"index":0,"delta":{},"finish_reason":"stop"}]"#, "null");
    let end = [stop, chunk("[]", &usage), "data: [DONE]\n\n".to_owned()];
    let events = tokens.chain(stream::iter(end)).map(|text| Ok::<_, Infallible>(Bytes::from(text)));
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

fn chunk(choices: &str, usage: &str) -> String {
    format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\
         \"choices\":{choices},\"usage\":{usage}}}\n\n"
    )
}
