//! What of an answer reaches its caller, and what becomes of it when there is none any more.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use openclaw_billing::{CallId, CallRow, TokenCounts};
use tokio::sync::mpsc;

use super::Piece;
use crate::catalog::Served;
use crate::error::ModelError;
use crate::event::{Event, Frame};
use crate::incoming::{Arrived, Raw};
use crate::render::Rendering;
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
    /// As events of ours.
    Told { rendering: Rendering, tells_usage: bool, usage: Option<TokenCounts> },
    /// As one body, when it is complete.
    Whole { rendering: Option<Rendering>, usage: Option<TokenCounts> },
}

impl Delivery {
    pub(super) fn new(pieces: Pieces, drain: Duration) -> Self {
        let form = Form::AsItCame { tells_usage: true };
        Self { pieces, drain, gone_at: None, form, told_failure: false }
    }

    /// Chooses the form of what will come.
    pub(super) fn begin(&mut self, prepared: &Prepared, id: CallId, Served { provider, model }: &Served) {
        let Prepared { endpoint, is_streamed, includes_usage: tells_usage, .. } = *prepared;
        let as_it_came = match endpoint {
            Endpoint::Chat => false,
            Endpoint::Responses => provider.kind.has_responses(),
            Endpoint::Embeddings => true,
        };
        if as_it_came {
            self.form = Form::AsItCame { tells_usage };
            return;
        }
        let created = Timestamp::now().as_second();
        let rendering = Rendering::new(endpoint, &id.to_string(), &model.id, created, &prepared.body);
        self.form = match is_streamed {
            true => Form::Told { rendering, tells_usage, usage: None },
            false => Form::Whole { rendering: Some(rendering), usage: None },
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
            (Form::Whole { rendering, .. }, Some(Raw::Body(body))) => {
                *rendering = None;
                self.told_failure = true;
                self.send(Piece::Body(body), patience).await;
            }
            (Form::Told { .. } | Form::AsItCame { .. }, Some(Raw::Body(body))) => {
                self.told_failure = true;
                self.send(Piece::Body(body), patience).await;
            }
            (Form::Told { tells_usage, .. } | Form::AsItCame { tells_usage }, Some(Raw::Usage(event))) => {
                let data = tells_usage.then_some(event.data);
                self.send(Piece::Chunk { name: event.name, data, events }, patience).await;
            }
            (_, Some(Raw::Event(event) | Raw::Usage(event))) => {
                self.told_failure |= events.iter().any(|event| matches!(event, Event::Failed(_)));
                self.send(Piece::Chunk { name: event.name, data: Some(event.data), events }, patience).await;
            }
            (Form::Told { rendering, tells_usage, usage }, None) => {
                let mut pieces = Vec::new();
                for event in events {
                    if let Event::Usage(Ok(tokens)) = event {
                        *usage = Some(tokens);
                    }
                    let hidden = matches!(event, Event::Usage(_)) && !*tells_usage;
                    let frames = if hidden { Vec::new() } else { rendering.tell(&event) };
                    pieces.extend(told(frames, event));
                }
                for piece in pieces {
                    self.send(piece, patience).await;
                }
            }
            (Form::Whole { rendering, usage }, None) => {
                for event in &events {
                    if let Some(rendering) = rendering {
                        rendering.add(event);
                    }
                    if let Event::Usage(Ok(tokens)) = event {
                        *usage = Some(*tokens);
                    }
                }
            }
            (Form::AsItCame { .. }, None) => {}
        }
    }

    /// Tells that the call is settled, and before that a whole answer, or the end of a stream of ours.
    pub(super) async fn end(mut self, row: CallRow) {
        let last: Vec<Piece> = match &mut self.form {
            Form::Whole { rendering, usage } => {
                let body = rendering.take().map(|rendering| rendering.whole(&usage.unwrap_or(row.tokens)));
                body.map(|body| Piece::Body(body.to_string().into_bytes().into())).into_iter().collect()
            }
            Form::Told { rendering, usage, .. } => {
                let frames = rendering.end(&usage.unwrap_or(row.tokens));
                frames.into_iter().map(|frame| chunk(Some(frame), Vec::new())).collect()
            }
            Form::AsItCame { .. } => Vec::new(),
        };
        for piece in last {
            let _ = self.pieces.send(Ok(piece)).await;
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

/// What tells of one event: the first piece has it, and whoever reads events finds each once.
fn told(frames: Vec<Frame>, event: Event) -> Vec<Piece> {
    let mut frames = frames.into_iter();
    let first = chunk(frames.next(), vec![event]);
    std::iter::once(first).chain(frames.map(|frame| chunk(Some(frame), Vec::new()))).collect()
}

fn chunk(frame: Option<Frame>, events: Vec<Event>) -> Piece {
    let name = frame.as_ref().map_or("", |frame| frame.name).to_owned();
    Piece::Chunk { name, data: frame.map(|frame| frame.data.to_string()), events }
}
