//! What of an answer reaches its caller, and what becomes of it when there is none any more.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use openclaw_billing::{CallId, CallRow, TokenCounts};
use tokio::sync::mpsc;

use super::Piece;
use crate::error::ModelError;
use crate::event::Event;
use crate::incoming::{Arrived, Raw};
use crate::render::Completion;
use crate::request::{Endpoint, Prepared};

type Pieces = mpsc::Sender<Result<Piece, ModelError>>;

/// The way to one caller.
pub(super) struct Delivery {
    pieces: Pieces,
    /// How long the provider is listened to when the caller has gone.
    drain: Duration,
    gone_at: Option<Instant>,
    form: Form,
    told_failure: bool,
}

/// How the answer is told.
enum Form {
    /// As the provider writes it; without the piece that has the usage alone where nobody asked for it.
    AsItCame { tells_usage: bool },
    /// As chunks of ours.
    Chunks { completion: Completion, tells_usage: bool },
    /// As one body, when it is complete.
    Whole { completion: Option<Completion>, usage: Option<TokenCounts> },
}

impl Delivery {
    pub(super) fn new(pieces: Pieces, drain: Duration) -> Self {
        let form = Form::AsItCame { tells_usage: true };
        Self { pieces, drain, gone_at: None, form, told_failure: false }
    }

    /// Chooses the form of what will come.
    pub(super) fn begin(&mut self, prepared: &Prepared, id: CallId, model: &str) {
        let completion = || Completion::new(format!("chatcmpl-{id}"), model.to_owned(), Timestamp::now().as_second());
        let tells_usage = prepared.includes_usage;
        self.form = match (prepared.endpoint, prepared.is_streamed) {
            (Endpoint::Chat, true) => Form::Chunks { completion: completion(), tells_usage },
            (Endpoint::Chat, false) => Form::Whole { completion: Some(completion()), usage: None },
            (Endpoint::Responses | Endpoint::Embeddings, _) => Form::AsItCame { tells_usage },
        };
    }

    pub(super) fn give_up(&mut self) {
        self.gone_at.get_or_insert_with(Instant::now);
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.gone_at.is_some()
    }

    /// Whether the caller has read that the provider failed.
    pub(super) fn has_told_failure(&self) -> bool {
        self.told_failure
    }

    /// Waits until a time for what a provider does; when the caller has gone, for a while longer at the most.
    pub(super) async fn within<T>(&mut self, work: impl Future<Output = T>, deadline: Instant) -> Option<T> {
        let mut work = std::pin::pin!(work);
        if self.gone_at.is_none() {
            let pieces = self.pieces.clone();
            tokio::select! {
                biased;
                done = tokio::time::timeout_at(deadline.into(), &mut work) => return done.ok(),
                () = pieces.closed() => self.give_up(),
            }
        }
        let drained = self.gone_at.map_or(deadline, |gone| deadline.min(gone + self.drain));
        tokio::time::timeout_at(drained.into(), work).await.ok()
    }

    /// Tells what has arrived. A caller who does not read it within `patience` has gone.
    pub(super) async fn tell(&mut self, arrived: Arrived, patience: Duration) {
        let Arrived { events, raw } = arrived;
        match (&mut self.form, raw) {
            // A whole answer of a provider that writes as the client reads.
            (Form::Whole { completion, .. }, Some(Raw::Body(body))) => {
                *completion = None;
                self.told_failure = true;
                self.send(Piece::Body(body), patience).await;
            }
            (Form::Chunks { .. } | Form::AsItCame { .. }, Some(Raw::Body(body))) => {
                self.told_failure = true;
                self.send(Piece::Body(body), patience).await;
            }
            (Form::Chunks { tells_usage, .. } | Form::AsItCame { tells_usage }, Some(Raw::Usage(event))) => {
                let data = tells_usage.then_some(event.data);
                self.send(Piece::Chunk { name: event.name, data, events }, patience).await;
            }
            (_, Some(Raw::Event(event) | Raw::Usage(event))) => {
                self.told_failure |= events.iter().any(|event| matches!(event, Event::Failed(_)));
                self.send(Piece::Chunk { name: event.name, data: Some(event.data), events }, patience).await;
            }
            (Form::Chunks { completion, tells_usage }, None) => {
                let mut pieces = Vec::new();
                for event in events {
                    let hidden = matches!(event, Event::Usage(_)) && !*tells_usage;
                    let chunk = if hidden { None } else { completion.chunk(&event) };
                    let data = chunk.map(|chunk| chunk.to_string());
                    pieces.push(Piece::Chunk { name: String::new(), data, events: vec![event] });
                }
                for piece in pieces {
                    self.send(piece, patience).await;
                }
            }
            (Form::Whole { completion, usage }, None) => {
                for event in &events {
                    if let Some(completion) = completion {
                        completion.add(event);
                    }
                    if let Event::Usage(Ok(tokens)) = event {
                        *usage = Some(*tokens);
                    }
                }
            }
            (Form::AsItCame { .. }, None) => {}
        }
    }

    /// Tells that the call is settled, and before that a whole answer.
    pub(super) async fn end(mut self, row: CallRow) {
        if let Form::Whole { completion, usage } = &mut self.form
            && let Some(completion) = completion.take()
        {
            let tokens = usage.unwrap_or(row.tokens);
            let body = completion.whole(Some(&tokens)).to_string();
            let _ = self.pieces.send(Ok(Piece::Body(body.into_bytes().into()))).await;
        }
        let _ = self.pieces.send(Ok(Piece::End(Box::new(row)))).await;
    }

    pub(super) async fn fail(self, error: ModelError) {
        let _ = self.pieces.send(Err(error)).await;
    }

    async fn send(&mut self, piece: Piece, patience: Duration) {
        if self.gone_at.is_some() {
            return;
        }
        let sent = self.pieces.send_timeout(Ok(piece), patience).await;
        if sent.is_err() {
            self.give_up();
        }
    }
}
