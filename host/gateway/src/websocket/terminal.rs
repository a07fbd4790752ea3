//! `GET /terminal` upgraded: one terminal, its output and what is typed as binary frames, the rest as JSON in text
//! frames.
//!
//! `?id=` watches a terminal that runs. Without it the first frame says what is to be begun: `spawn`, with the
//! parameters of `terminal.spawn`. The terminal goes on when the connection ends, and can be watched again.
//!
//! | from the client | |
//! |---|---|
//! | `{"type":"spawn","params":{…}?}` | begins a terminal |
//! | `{"type":"resize","cols":…,"rows":…}` | its new size |
//! | `{"type":"ack","bytes":…}` | so many more bytes of output were read: 256 KiB are sent ahead of that |
//! | `{"type":"close"}` | ends the terminal |
//!
//! | from the gateway | |
//! |---|---|
//! | `{"type":"attached","terminalId","sessionId","pid","cols","rows","replayBytes"}` | first; so much is replayed |
//! | `{"type":"skipped","bytes":…}` | what the client was too slow for |
//! | `{"type":"exit",…}` | the payload of `terminal.exit`; then the connection is closed (1000) |
//! | `{"type":"error","code","message","status"}` | why there is no terminal; then it is closed (1008) |

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Query, Request, State, rejection::QueryRejection},
    http::StatusCode,
    response::Response,
};
use futures_util::{StreamExt, stream::SplitStream};
use openclaw_config::json;
use openclaw_runtime::{Scope, Typist, Watched, Watcher};
use openclaw_tenancy::TenantRecord;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::{
    sync::mpsc::{self, OwnedPermit},
    task::JoinSet,
    time::{MissedTickBehavior, sleep},
};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes, protocol::CloseFrame};
use tracing::Instrument;

use super::{Close, Endings, Entered, LAST_REPLIES, NORMAL, POLICY, RESTART, Sink, Socket, cut, open, send};
use crate::{
    Gateway,
    auth::Identity,
    http::{Peer, RequestId, refuse_as_problem},
    in_flight::Share,
    reply::Problem,
    request::Call,
    serve::Held,
};

/// The subprotocol for clients that must name one.
const PROTOCOL: &str = "openclaw.terminal";

/// The largest frame that is typed.
const FRAME_BYTES: usize = 64 << 10;

/// So many frames wait for a program that does not read.
const TYPED_AHEAD: usize = 16;

/// How long a client may take to say which terminal it wants.
const FIRST_FRAME: Duration = Duration::from_secs(10);

/// Levels of nesting of a text frame.
const DEPTH: usize = 8;

/// By which a terminal is begun.
const SPAWN: &str = "terminal.spawn";

/// How one that runs is watched, for the log.
const WATCH: &str = "GET /terminal?id=";

/// Columns and rows of a screen.
const SIZES: std::ops::RangeInclusive<u16> = 1..=2000;

/// What stands behind the question mark. A token has no place in a URL, which is logged on its way.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    id: Option<String>,
}

/// A text frame of the client's.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Control {
    Spawn {
        #[serde(default)]
        params: Value,
    },
    Resize {
        cols: u16,
        rows: u16,
    },
    Ack {
        bytes: u64,
    },
    Close {},
}

/// `GET /terminal` with an upgrade.
pub(crate) async fn upgrade(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(held): Extension<Held>,
    Extension(RequestId(id)): Extension<RequestId>,
    asked: Result<Query<Asked>, QueryRejection>,
    request: Request,
) -> Response {
    let entered = asked.map_err(|_| malformed_query()).and_then(|Query(asked)| {
        let (response, entered) = Entered::by(&gateway, peer, request, PROTOCOL)?;
        Ok((asked, response, entered))
    });
    let (asked, response, entered) = match entered {
        Ok(entered) => entered,
        Err(problem) => return refuse_as_problem(&gateway, &problem, &id, Body::empty()).await,
    };
    let serve = async move {
        let Entered { identity, endings, share, upgraded } = entered;
        if let Some(socket) = open(upgraded, &gateway, &identity, FRAME_BYTES).await {
            let connection = Connection { gateway, identity, request_id: id, watching: None };
            connection.serve(socket, endings, asked).await;
        }
        drop((share, held));
    };
    // The connection is served after this request has ended, in the same trace.
    tokio::spawn(serve.instrument(tracing::Span::current()));
    response
}

fn no_such_terminal() -> Problem {
    Problem::not_found("there is no such terminal")
}

fn malformed_query() -> Problem {
    let message = "GET /terminal takes ?id=, a terminal's id, and nothing else; a token goes into the subprotocol";
    Problem::request(message).status(StatusCode::BAD_REQUEST)
}

struct Connection {
    gateway: Arc<Gateway>,
    identity: Identity,
    request_id: Arc<str>,
    watching: Option<Watching>,
}

/// A terminal that is watched and typed into.
struct Watching {
    watcher: Watcher,
    keys: mpsc::Sender<Key>,
    /// Types; ended with this.
    typing: JoinSet<()>,
}

/// What is typed, and its share of what the tenant has under way.
type Key = (Bytes, Share);

/// Why a connection ends, where its client is told by a frame before.
enum End {
    Closed(Close),
    Refused(Problem),
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Closed(close)
    }
}

impl From<Problem> for End {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl Connection {
    async fn serve(mut self, socket: Socket, endings: Endings, asked: Asked) {
        let (mut sink, mut incoming) = socket.split();
        let end = match asked.id {
            Some(id) => self.attach(&id, &mut sink).await,
            None => Ok(()),
        };
        let end = match end {
            Ok(()) => self.follow(&mut sink, &mut incoming, endings).await,
            Err(end) => end,
        };
        let close = match end {
            End::Closed(close) => close,
            End::Refused(problem) => {
                let told = json!({
                    "type": "error", "code": problem.code, "message": problem.message,
                    "status": problem.http_status().as_u16(),
                });
                let told = send(&mut sink, Message::text(told.to_string())).await;
                told.is_ok().then_some((POLICY, "there is no terminal for this connection"))
            }
        };
        if let Some((code, reason)) = close {
            let frame = CloseFrame { code: code.into(), reason: Utf8Bytes::from_static(reason) };
            // The peer may be gone already. What it sent meanwhile is read to its end: a connection that is closed before
            // that is reset, and the peer may not see what was sent last.
            if send(&mut sink, Message::Close(Some(frame))).await.is_ok() {
                let answered = async { while incoming.next().await.is_some_and(|message| message.is_ok()) {} };
                let _ = tokio::time::timeout(LAST_REPLIES, answered).await;
            }
        }
        if let Some(Watching { keys, mut typing, .. }) = self.watching {
            // Whoever types and goes has typed.
            drop(keys);
            let _ = tokio::time::timeout(LAST_REPLIES, typing.join_next()).await;
        }
    }

    /// Passes on both ways, until the end.
    async fn follow(&mut self, sink: &mut Sink, incoming: &mut SplitStream<Socket>, mut endings: Endings) -> End {
        let (gateway, identity) = (self.gateway.clone(), self.identity.clone());
        let mut draining = pin!(gateway.drained());
        let mut late = pin!(sleep(FIRST_FRAME));
        let ping_every = Duration::from_secs(gateway.config().gateway.limits.ping_seconds);
        // How long nothing at all may come in, pongs included.
        let silence = ping_every * 5 / 2;
        let mut pings = tokio::time::interval(ping_every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            let keys = self.watching.as_ref().map(|watching| watching.keys.clone());
            tokio::select! {
                // In this order: a token that has ended is told of before its terminal, which ends with it.
                biased;
                reason = endings.of(&identity) => return Some((POLICY, reason)).into(),
                () = &mut draining => return Some((RESTART, "the gateway is going down")).into(),
                () = &mut late, if keys.is_none() => return Some((POLICY, "no terminal was asked for")).into(),
                _ = pings.tick() => {
                    // While the program does not read, neither do we.
                    let is_read = keys.as_ref().is_none_or(|keys| keys.capacity() > 0);
                    if is_read && heard.elapsed() > silence { return Some((POLICY, "no pong came")).into() }
                    if send(sink, Message::Ping(Bytes::new())).await.is_err() { return End::Closed(None) }
                }
                shown = shown(&mut self.watching) => if let Err(close) = pass_on(sink, shown).await { return close.into() },
                (message, room) = next_message(incoming, keys.clone()) => {
                    heard = Instant::now();
                    if let Err(end) = self.hear(message, room, sink).await { return end }
                }
            }
        }
    }

    async fn hear(
        &mut self,
        message: Option<Result<Message, Error>>,
        room: Option<OwnedPermit<Key>>,
        sink: &mut Sink,
    ) -> Result<(), End> {
        match message {
            Some(Ok(Message::Binary(bytes))) => {
                if self.watching.is_none() {
                    return Err(Some((POLICY, "nothing can be typed before there is a terminal")).into());
                }
                // Without room it has ended, which is told in its turn.
                if let Some(room) = room {
                    let share = self.gateway.bodies.hold(&self.identity, bytes.len() as u64);
                    room.send((bytes, share));
                }
                Ok(())
            }
            Some(Ok(Message::Text(text))) => self.control(&text, sink).await,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            Some(Err(error)) => Err(cut(&error).into()),
            Some(Ok(Message::Close(_))) | None => Err(End::Closed(None)),
        }
    }

    async fn control(&mut self, text: &str, sink: &mut Sink) -> Result<(), End> {
        const MALFORMED: Close = Some((POLICY, "a text frame is JSON: spawn, resize, ack or close"));
        let control = json::read(text.as_bytes(), DEPTH).ok().and_then(|value| Control::deserialize(value).ok());
        match (control, &mut self.watching) {
            (None, _) => Err(MALFORMED.into()),
            (Some(Control::Spawn { params }), None) => self.spawn(params, sink).await,
            (Some(Control::Spawn { .. }), Some(_)) => Err(Some((POLICY, "a connection has one terminal")).into()),
            (Some(_), None) => Err(Some((POLICY, "there is no terminal yet: spawn one")).into()),
            (Some(Control::Resize { cols, rows }), Some(watching)) => {
                if !SIZES.contains(&cols) || !SIZES.contains(&rows) {
                    return Err(Some((POLICY, "a screen has 1 to 2000 columns and rows")).into());
                }
                // One that has ended is told of in its turn.
                watching.watcher.resize(cols, rows);
                Ok(())
            }
            (Some(Control::Ack { bytes }), Some(watching)) => {
                watching.watcher.read(bytes);
                Ok(())
            }
            (Some(Control::Close {}), Some(watching)) => {
                watching.watcher.end();
                Ok(())
            }
        }
    }

    /// Begins a terminal, by the method that does.
    async fn spawn(&mut self, params: Value, sink: &mut Sink) -> Result<(), End> {
        let params = if params.is_null() { "{}".to_owned() } else { params.to_string() };
        let params = RawValue::from_string(params).map_err(Problem::internal)?;
        let call = Call { id: None, method: SPAWN.to_owned(), params: Some(&params) };
        let spawned = parsed(&self.gateway.call(&self.identity, &call, &self.request_id).await?);
        let id = spawned["terminalId"].as_str().unwrap_or_default();
        let watcher = self.gateway.services().watch_terminal(&*self.tenant()?, id).ok_or_else(no_such_terminal)?;
        self.watch(watcher, sink).await
    }

    /// Watches a terminal that runs, which counts as a request.
    async fn attach(&mut self, id: &str, sink: &mut Sink) -> Result<(), End> {
        let (gateway, identity, request_id) = (&self.gateway, &self.identity, &self.request_id);
        let work = async {
            let own = gateway.admit(identity, request_id).await?;
            let found = async {
                if !identity.caller.may(Scope::Write) {
                    return Err(Problem::missing_scope(WATCH, Scope::Write));
                }
                let tenant = self.tenant()?;
                gateway.services().watch_terminal(&tenant, id).ok_or_else(no_such_terminal)
            };
            gateway.counted(identity, own.as_deref(), WATCH, request_id, found).await
        };
        let watcher = gateway.logged(identity, WATCH, request_id, work).await?;
        self.watch(watcher, sink).await
    }

    async fn watch(&mut self, watcher: Watcher, sink: &mut Sink) -> Result<(), End> {
        let (cols, rows) = watcher.size();
        let attached = json!({
            "type": "attached", "terminalId": watcher.id(), "sessionId": watcher.id(), "pid": watcher.process(),
            "cols": cols, "rows": rows, "replayBytes": watcher.behind(),
        });
        let (keys, typed) = mpsc::channel(TYPED_AHEAD);
        let mut typing = JoinSet::new();
        typing.spawn(type_in(watcher.typist(), typed));
        self.watching = Some(Watching { watcher, keys, typing });
        send(sink, Message::text(attached.to_string())).await.map_err(|()| End::Closed(None))
    }

    /// Whose terminal it is: the token's tenant, or the one that the operator names.
    fn tenant(&self) -> Result<Arc<TenantRecord>, Problem> {
        match (&self.identity.tenant, &self.identity.acting_for) {
            (Some(own), _) => Ok(own.clone()),
            (None, Some(named)) => self.gateway.tenant(named),
            (None, None) => Err(Problem::params("a terminal is a tenant's: name one (header X-OpenClaw-Tenant)")),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the gateway's own words")]
fn parsed(reply: &str) -> Value {
    serde_json::from_str(reply).unwrap_or_default()
}

async fn type_in(typist: Typist, mut typed: mpsc::Receiver<Key>) {
    while let Some((bytes, _share)) = typed.recv().await {
        if !typist.write(bytes).await {
            return;
        }
    }
}

/// The next message, once what it may have typed has a place.
async fn next_message(
    incoming: &mut SplitStream<Socket>,
    keys: Option<mpsc::Sender<Key>>,
) -> (Option<Result<Message, Error>>, Option<OwnedPermit<Key>>) {
    let room = match keys {
        Some(keys) => keys.reserve_owned().await.ok(),
        None => None,
    };
    (incoming.next().await, room)
}

async fn shown(watching: &mut Option<Watching>) -> Watched {
    match watching {
        Some(watching) => watching.watcher.next().await,
        None => std::future::pending().await,
    }
}

/// Sends what a terminal shows; an error after the last of it.
async fn pass_on(sink: &mut Sink, shown: Watched) -> Result<(), Close> {
    let message = match shown {
        Watched::Output(bytes) => Message::Binary(bytes),
        Watched::Skipped(bytes) => Message::text(json!({ "type": "skipped", "bytes": bytes }).to_string()),
        Watched::Ended(exit) => {
            let mut told = parsed(exit.get());
            told["type"] = "exit".into();
            let sent = send(sink, Message::text(told.to_string())).await;
            return Err(sent.is_ok().then_some((NORMAL, "the terminal has ended")));
        }
    };
    send(sink, message).await.map_err(|()| None)
}
