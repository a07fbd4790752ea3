//! An answer as it comes from a provider: read piece by piece, in bounded memory, into the events that all share.

use std::collections::VecDeque;

use bytes::Bytes;
use openclaw_config::json;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderName};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::anthropic::{MessageStream, message_request};
use crate::catalog::{Address, Kind, Provider, Served};
use crate::error::ProviderError;
use crate::event::Event;
use crate::http::{self, KeyHeader, Outgoing, SharedClient};
use crate::request::{Endpoint, Prepared};
use crate::sse::{MAX_EVENT, Parser, ServerEvent, SseError};
use crate::{hashed, openai, tokens};

/// Most bytes of an answer that comes as a whole: 256 vectors of 3,072 numbers, as long as numbers are written.
pub const WHOLE_BYTES: usize = 20 << 20;

/// The version of Anthropic's interface that is spoken here.
const ANTHROPIC_VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// What came next.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    pub(crate) events: Vec<Event>,
    /// As the provider wrote it, where it speaks the client's protocol.
    pub(crate) raw: Option<Raw>,
}

#[derive(Debug)]
pub(crate) enum Raw {
    Event(ServerEvent),
    /// One that tells nothing but the usage.
    Usage(ServerEvent),
    Body(Bytes),
}

/// An answer that has begun.
pub(crate) enum Incoming {
    Stream(Box<Stream>),
    Whole(Response),
    /// Of the scripted model.
    Scripted(VecDeque<Event>),
    Made(Option<Bytes>),
}

pub(crate) struct Stream {
    response: Response,
    parser: Parser,
    waiting: VecDeque<ServerEvent>,
    protocol: Protocol,
    /// It said that it is at its end.
    is_complete: bool,
}

enum Protocol {
    Chat,
    Responses,
    Anthropic(MessageStream),
}

impl Kind {
    pub(crate) fn serves(&self, endpoint: Endpoint) -> bool {
        match self {
            Self::OpenAi(_) | Self::Scripted(_) => true,
            Self::Anthropic(_) => endpoint != Endpoint::Embeddings,
        }
    }

    /// Whether it has the interface of responses; for the others a request is one of chat completions.
    pub(crate) fn has_responses(&self) -> bool {
        matches!(self, Self::OpenAi(_))
    }
}

/// Sends a request and waits until its answer begins.
pub(crate) async fn open(
    client: &SharedClient,
    Served { provider, model }: &Served,
    prepared: &Prepared,
    jitter: u64,
) -> Result<Incoming, ProviderError> {
    match &provider.kind {
        Kind::OpenAi(address) => {
            let body = prepared.for_openai(model);
            let sent = (prepared.endpoint.path(), &KeyHeader::Bearer, &[][..]);
            let response = post(client, provider, address, sent, body, jitter).await?;
            let protocol = if prepared.endpoint == Endpoint::Chat { Protocol::Chat } else { Protocol::Responses };
            // Some servers answer as a whole whatever they are asked for.
            let is_stream = prepared.is_streamed && !is_json(&response);
            Ok(if is_stream { stream(response, protocol) } else { Incoming::Whole(response) })
        }
        Kind::Anthropic(address) => {
            let body = message_request(prepared.chat(), &model.id, prepared.cap(model));
            let key = KeyHeader::Named(HeaderName::from_static("x-api-key"));
            let sent = ("/messages", &key, &[ANTHROPIC_VERSION][..]);
            let response = post(client, provider, address, sent, body, jitter).await?;
            Ok(stream(response, Protocol::Anthropic(MessageStream::default())))
        }
        Kind::Scripted(_) if prepared.endpoint == Endpoint::Embeddings => {
            Ok(Incoming::Made(Some(embeddings(&prepared.body))))
        }
        Kind::Scripted(script) => {
            let request = Value::Object(prepared.chat().clone());
            Ok(Incoming::Scripted(script.answer(&request).into()))
        }
    }
}

type Sent<'s> = (&'s str, &'s KeyHeader, &'s [(&'static str, &'static str)]);

async fn post(
    client: &SharedClient,
    provider: &Provider,
    address: &Address,
    (path, key, headers): Sent<'_>,
    body: Map<String, Value>,
    jitter: u64,
) -> Result<Response, ProviderError> {
    let body = Value::Object(body).to_string().into_bytes();
    http::post(client, Outgoing { provider, address, path, key, headers, body, jitter }).await
}

fn stream(response: Response, protocol: Protocol) -> Incoming {
    let (parser, waiting) = (Parser::default(), VecDeque::new());
    Incoming::Stream(Box::new(Stream { response, parser, waiting, protocol, is_complete: false }))
}

fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().starts_with("application/json"))
}

impl Incoming {
    /// Waits for the next piece; none once the answer is complete.
    pub(crate) async fn next(&mut self, provider: &Provider) -> Result<Option<Arrived>, ProviderError> {
        match self {
            Self::Stream(stream) => stream.next(provider).await,
            Self::Whole(response) => {
                let bytes = read_whole(response, provider).await?;
                *self = Self::Made(None);
                let events = of_whole(&bytes).map_err(|detail| broken(provider, detail))?;
                Ok(Some(Arrived { events, raw: Some(Raw::Body(bytes)) }))
            }
            Self::Scripted(events) => {
                // Whoever else waits comes between two pieces, as with a provider that is far away.
                tokio::task::yield_now().await;
                Ok(events.pop_front().map(|event| Arrived { events: vec![event], raw: None }))
            }
            Self::Made(bytes) => Ok(bytes.take().map(|bytes| {
                let events = of_whole(&bytes).unwrap_or_default();
                Arrived { events, raw: Some(Raw::Body(bytes)) }
            })),
        }
    }
}

impl Stream {
    async fn next(&mut self, provider: &Provider) -> Result<Option<Arrived>, ProviderError> {
        loop {
            while let Some(event) = self.waiting.pop_front() {
                if event.data == openai::DONE {
                    return Ok(None);
                }
                if !event.data.is_empty() {
                    return self.read(event).map(Some).map_err(|detail| broken(provider, detail));
                }
            }
            let chunk = self.response.chunk().await.map_err(|error| http::failed(provider, &error))?;
            match chunk {
                Some(chunk) => {
                    let mut events = Vec::new();
                    let parsed = self.parser.push(&chunk, &mut events);
                    parsed.map_err(|error| match error {
                        SseError::TooLarge => too_large(provider, MAX_EVENT),
                        SseError::NotUtf8 => broken(provider, error.to_string()),
                    })?;
                    self.waiting.extend(events);
                }
                None if self.is_complete => return Ok(None),
                None => return Err(broken(provider, "the stream ended before its end".into())),
            }
        }
    }

    fn read(&mut self, event: ServerEvent) -> Result<Arrived, String> {
        let data = json::read(event.data.as_bytes(), json::DEPTH_MAX).map_err(|error| error.to_string())?;
        let events = match &mut self.protocol {
            Protocol::Chat => openai::chunk(&data),
            Protocol::Responses => openai::response_event(&data),
            Protocol::Anthropic(stream) => stream.read(&data),
        };
        let ends = |event: &Event| matches!(event, Event::Stop(_) | Event::Usage(_));
        self.is_complete |= events.iter().any(ends);
        let raw = match self.protocol {
            Protocol::Anthropic(_) => None,
            Protocol::Chat if data["choices"].as_array().is_some_and(Vec::is_empty) && !data["usage"].is_null() => {
                Some(Raw::Usage(event))
            }
            Protocol::Chat | Protocol::Responses => Some(Raw::Event(event)),
        };
        Ok(Arrived { events, raw })
    }
}

fn broken(provider: &Provider, detail: String) -> ProviderError {
    ProviderError::Broken { provider: provider.id.clone(), detail }
}

fn too_large(provider: &Provider, most: usize) -> ProviderError {
    ProviderError::TooLarge { provider: provider.id.clone(), most }
}

async fn read_whole(response: &mut Response, provider: &Provider) -> Result<Bytes, ProviderError> {
    let mut bytes = Vec::new();
    // What says that it is too long is not read at all.
    if response.content_length().is_some_and(|length| length > WHOLE_BYTES as u64) {
        return Err(too_large(provider, WHOLE_BYTES));
    }
    while let Some(chunk) = response.chunk().await.map_err(|error| http::failed(provider, &error))? {
        if bytes.len() + chunk.len() > WHOLE_BYTES {
            return Err(too_large(provider, WHOLE_BYTES));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

/// What a whole answer says of the call. Its vectors can be more values than anything else may have, and are not read.
fn of_whole(bytes: &[u8]) -> Result<Vec<Event>, String> {
    if let Ok(body) = json::read(bytes, json::DEPTH_MAX) {
        let mut events = openai::whole(&body);
        if !body["error"].is_null() {
            events.push(Event::Failed(body["error"].clone()));
        }
        return Ok(events);
    }
    let head = head(bytes)?;
    let usage = head.usage.map(|usage| json::read(usage.get().as_bytes(), json::DEPTH_MAX));
    let usage = usage.transpose().map_err(|error| error.to_string())?;
    Ok(openai::whole(&json!({ "id": head.id, "model": head.model, "usage": usage })))
}

#[derive(Deserialize)]
struct Head {
    id: Option<String>,
    model: Option<String>,
    usage: Option<Box<RawValue>>,
}

#[allow(clippy::disallowed_methods, reason = "a type of ours: its one value is read by openclaw_config::json")]
fn head(bytes: &[u8]) -> Result<Head, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("not JSON: {error}"))
}

/// The built-in embedding in the form of OpenAI's.
fn embeddings(body: &Map<String, Value>) -> Bytes {
    let texts = match &body["input"] {
        Value::Array(texts) => texts.iter().map(|text| text.as_str().unwrap_or_default()).collect(),
        text => vec![text.as_str().unwrap_or_default()],
    };
    let row = |(index, text): (usize, &&str)| json!({ "object": "embedding", "index": index, "embedding": hashed::embed(text) });
    let data: Vec<Value> = texts.iter().enumerate().map(row).collect();
    let counted: u64 = texts.iter().map(|text| tokens::of_text(text)).sum();
    let usage = json!({ "prompt_tokens": counted, "total_tokens": counted });
    let body = json!({ "object": "list", "model": hashed::NAME, "data": data, "usage": usage });
    body.to_string().into_bytes().into()
}
