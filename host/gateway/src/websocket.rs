//! `GET /rpc` upgraded: the frames of `POST /rpc` both ways, and events.
//!
//! A connection lives as long as its token: rotating, disabling or deleting a
//! tenant, and replacing the operator's token, close it (1008), and so does a
//! client that reads too slowly.

mod handshake;
mod incoming;
mod terminal;

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use openclaw_runtime::{Event, Scope, Subscription};
use openclaw_tenancy::{TenantChange, TenantId, WhatChanged};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    task::{JoinError, JoinSet},
    time::MissedTickBehavior,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        error::CapacityError,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};
use tracing::Instrument;

use crate::{
    Gateway,
    auth::Identity,
    crowd::Lane,
    http::{Peer, RequestId, refuse},
    in_flight::Share,
    reply::Problem,
    request::{self, Body as Frames},
    rpc::success,
    serve::Held,
};
use incoming::{Cut, Incoming};
pub(crate) use terminal::upgrade as terminal;

/// The subprotocol for clients that must name one.
const PROTOCOL: &str = "openclaw.rpc";

pub(crate) const SUBSCRIBE: &str = "events.subscribe";
/// No subscription is longer, and nothing longer is looked into for one.
const SUBSCRIBE_BYTES: usize = 4096;

const IN_FLIGHT: usize = 32;

/// Reserved for each connection, however quiet it is.
const READ_BUFFER: usize = 16 << 10;

/// How long a client may take to read a message.
const SEND_TIME: Duration = Duration::from_secs(30);
/// How long the last replies are waited for once the token has ended.
const LAST_REPLIES: Duration = Duration::from_secs(5);

// RFC 6455, 7.4.1, and its registry.
const NORMAL: u16 = 1000;
const UNSUPPORTED: u16 = 1003;
const POLICY: u16 = 1008;
const TOO_BIG: u16 = 1009;
const INTERNAL: u16 = 1011;
const RESTART: u16 = 1012;

/// `GET /rpc` with an upgrade.
pub(crate) async fn upgrade(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Extension(held): Extension<Held>,
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
) -> Response {
    let (response, entered) = match Entered::by(&gateway, peer, request, PROTOCOL) {
        Ok(entered) => entered,
        Err(problem) => return refuse(&gateway, &problem, &id, Body::empty()).await,
    };
    // Its calls are tasks of their own, and may be served elsewhere.
    let (runtime, lane) = (gateway.crowd.among_all().clone(), held.lane.clone());
    let serve = async move {
        let Entered { identity, endings, share, upgraded } = entered;
        let limit = usize::try_from(gateway.config().gateway.limits.body_bytes).unwrap_or(usize::MAX);
        if let Some(socket) = open(upgraded, &gateway, &identity, limit).await {
            Connection { gateway, lane, identity, request_id: id, events: None }.serve(socket, endings).await;
        }
        drop((share, held));
    };
    // The connection is served after this request has ended, in the same trace.
    runtime.spawn(serve.instrument(tracing::Span::current()));
    response
}

/// Somebody with a token, whose request becomes a WebSocket.
struct Entered {
    identity: Identity,
    endings: Endings,
    share: Share,
    upgraded: OnUpgrade,
}

impl Entered {
    /// Judges the request; answers it too.
    fn by(gateway: &Gateway, peer: Peer, request: Request, protocol: &str) -> Result<(Response, Self), Problem> {
        // Listened to before the token is looked at, so that no rotation falls between.
        let endings =
            Endings { tenants: gateway.services().registry.subscribe(), operator: gateway.operator_changes(), peer };
        let identity = gateway.identify(peer, request.headers())?;
        let share = gateway.sockets.take(&identity, 1)?;
        let (response, upgraded) = handshake::accept(request, protocol)?;
        Ok((response, Self { identity, endings, share, upgraded }))
    }
}

type Socket = WebSocketStream<Incoming<TokioIo<Upgraded>>>;

/// The connection, once the client has read that it is one; none where it went away before.
async fn open(upgraded: OnUpgrade, gateway: &Gateway, identity: &Identity, limit: usize) -> Option<Socket> {
    let upgraded = upgraded.await.ok()?;
    let settings = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    let patience = Duration::from_secs(gateway.config().gateway.limits.request_seconds);
    let incoming = Incoming::new(TokioIo::new(upgraded), gateway.bodies.hold(identity, 0), patience);
    Some(WebSocketStream::from_raw_socket(incoming, Role::Server, Some(settings)).await)
}

struct Connection {
    gateway: Arc<Gateway>,
    lane: Arc<Lane>,
    identity: Identity,
    request_id: Arc<str>,
    events: Option<Subscription>,
}

type Sink = SplitSink<Socket, Message>;

impl Connection {
    async fn serve(mut self, socket: Socket, mut endings: Endings) {
        let (mut sink, mut incoming) = socket.split();
        let gateway = self.gateway.clone();
        let mut draining = pin!(gateway.drained());
        // Tasks of their own: whatever a call waits for goes on while this client takes its time to read.
        let mut running = JoinSet::new();
        let ping_every = Duration::from_secs(gateway.config().gateway.limits.ping_seconds);
        // How long nothing at all may come in, pongs included.
        let silence = ping_every * 5 / 2;
        let mut pings = tokio::time::interval(ping_every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let close = loop {
            tokio::select! {
                message = incoming.next(), if running.len() < IN_FLIGHT => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => match self.subscribe(&text).await {
                            Some(reply) => {
                                let reply = reply.map(|reply| Unread::hold(&self.gateway, &self.identity, reply)).transpose();
                                if let Err(close) = deliver(&mut sink, reply).await { break close }
                            }
                            None => {
                                let answer = self.answer(text).in_current_span();
                                running.spawn_on(answer, &gateway.crowd.runtime(&self.lane));
                            }
                        },
                        Some(Ok(Message::Binary(_))) => break Some((UNSUPPORTED, "send text frames")),
                        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                        Some(Err(error)) => break cut(&error),
                        Some(Ok(Message::Close(_))) | None => break None,
                    }
                }
                Some(answered) = running.join_next(), if !running.is_empty() => {
                    if let Err(close) = deliver(&mut sink, finished(answered)).await { break close }
                }
                event = next_event(&mut self.events) => match event {
                    Ok(event) => if send(&mut sink, Message::text(notification(&event))).await.is_err() { break None },
                    Err(reason) => break Some((POLICY, reason)),
                },
                reason = endings.of(&self.identity) => break Some((POLICY, reason)),
                () = &mut draining => break Some((RESTART, "the gateway is going down")),
                _ = pings.tick() => {
                    // While as many calls run as may, nothing is read.
                    if running.is_empty() && heard.elapsed() > silence { break Some((POLICY, "no pong came")) }
                    if send(&mut sink, Message::Ping(Bytes::new())).await.is_err() { break None }
                }
            }
        };
        close_after_replies(&mut sink, running, close).await;
    }

    /// Answers a frame, whose bytes are under way until then.
    fn answer(&self, text: Utf8Bytes) -> impl Future<Output = Answered> + Send + use<> {
        let (gateway, identity, request_id) = (self.gateway.clone(), self.identity.clone(), self.request_id.clone());
        let share = gateway.bodies.hold(&identity, text.len() as u64);
        let under_way = gateway.crowd.begin(&self.lane, &identity);
        async move {
            let reply = gateway.rpc(&identity, text.as_bytes(), &request_id).await.body;
            drop((share, under_way));
            reply.map(|reply| Unread::hold(&gateway, &identity, reply)).transpose()
        }
    }

    /// Answers `events.subscribe`, which is about this connection; none for any other frame.
    ///
    /// The reply is none too for a notification.
    async fn subscribe(&mut self, text: &str) -> Option<Option<String>> {
        if text.len() > SUBSCRIBE_BYTES || !text.contains(SUBSCRIBE) {
            return None;
        }
        let (depth, batch) = self.gateway.frame_limits();
        let Ok(Frames::Single(Ok(call))) = request::parse(text.as_bytes(), depth, batch) else { return None };
        if call.method != SUBSCRIBE {
            return None;
        }
        let params = call.params.map(|params| params.get().to_owned());
        let (gateway, identity, request_id) = (self.gateway.clone(), self.identity.clone(), self.request_id.clone());
        let work = async {
            let tenant = gateway.admit(&identity, &request_id).await?;
            let listen = async { self.listen(params.as_deref()) };
            gateway.counted(&identity, tenant.as_deref(), SUBSCRIBE, &request_id, listen).await
        };
        let subscribed = gateway.logged(&identity, SUBSCRIBE, &request_id, work).await;
        Some(call.id.map(|id| match subscribed {
            Ok((seq, gap)) => success(id, json!({ "subscribed": true, "seq": seq, "gap": gap }).to_string()),
            Err(problem) => problem.reply(Some(id), &self.request_id),
        }))
    }

    /// Answers the number of the last event, and whether some that were asked for are gone.
    #[allow(clippy::disallowed_methods, reason = "checked with its frame; into a type of ours")]
    fn listen(&mut self, params: Option<&str>) -> Result<(u64, bool), Problem> {
        #[derive(Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Since {
            since: Option<u64>,
        }
        if !self.identity.caller.may(Scope::Read) {
            return Err(Problem::missing_scope(SUBSCRIBE, Scope::Read));
        }
        let since: Since = params.map_or(Ok(Since::default()), serde_json::from_str).map_err(|_| {
            Problem::params(format!("{SUBSCRIBE} takes {{since?}}, a sequence number, and nothing else"))
        })?;
        let tenant =
            self.tenant().ok_or_else(|| Problem::params(format!("{SUBSCRIBE} needs a tenant to listen to")))?;
        let subscription = self.gateway.services().events.subscribe(&tenant, since.since);
        let told = (subscription.last, subscription.gap);
        self.events = Some(subscription);
        Ok(told)
    }

    fn tenant(&self) -> Option<TenantId> {
        match (&self.identity.tenant, &self.identity.acting_for) {
            (Some(own), _) => Some(own.id.clone()),
            (None, Some(named)) => self.gateway.tenant(named).ok().map(|tenant| tenant.id.clone()),
            (None, None) => None,
        }
    }
}

/// A reply that counts as unread until it is sent.
struct Unread {
    text: String,
    _share: Share,
}

/// What a frame led to: a reply, none for notifications, or the connection's end.
type Answered = Result<Option<Unread>, Close>;

impl Unread {
    fn hold(gateway: &Gateway, identity: &Identity, text: String) -> Result<Self, Close> {
        let share = gateway.replies.take(identity, text.len() as u64);
        let share = share.map_err(|_| Some((POLICY, "too many bytes of replies that nobody reads")))?;
        Ok(Self { text, _share: share })
    }
}

/// A call that panicked ends its connection: its client would wait for ever.
fn finished(answered: Result<Answered, JoinError>) -> Answered {
    answered.unwrap_or_else(|error| {
        tracing::error!(%error, "a call of a WebSocket did not end");
        Err(Some((INTERNAL, "a call failed inside")))
    })
}

/// Sends a reply. Where it cannot be, how the connection is closed.
async fn deliver(sink: &mut Sink, answered: Answered) -> Result<(), Close> {
    let Some(Unread { text, _share }) = answered? else { return Ok(()) };
    send(sink, Message::text(text)).await.map_err(|()| None)
}

/// Closes a connection, once the calls that run are answered: one of them may have rotated the token.
async fn close_after_replies(sink: &mut Sink, mut running: JoinSet<Answered>, close: Close) {
    let Some((code, reason)) = close else {
        // The answer to a peer that closes waits for this; nobody else reads any more.
        let _ = tokio::time::timeout(LAST_REPLIES, sink.flush()).await;
        return;
    };
    let patience = if code == RESTART { SEND_TIME } else { LAST_REPLIES };
    let rest = async {
        while let Some(answered) = running.join_next().await {
            if deliver(sink, finished(answered)).await.is_err() {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(patience, rest).await;
    let frame = CloseFrame { code: code.into(), reason: Utf8Bytes::from_static(reason) };
    // The peer may be gone already.
    let _ = send(sink, Message::Close(Some(frame))).await;
}

/// With what a connection is closed; none where nobody would read it.
type Close = Option<(u16, &'static str)>;

/// Why reading failed, where that was the client's doing.
fn cut(error: &Error) -> Close {
    match error {
        Error::Io(error) => Some((
            POLICY,
            match Cut::of(error)? {
                Cut::TooMuch => "too many bytes of requests under way",
                Cut::Late => "the message did not come in time",
            },
        )),
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Some((TOO_BIG, "the message is too large")),
        _ => None,
    }
}

async fn send(sink: &mut Sink, message: Message) -> Result<(), ()> {
    // A client that does not read for this long is cut off: its queue is ours.
    let sent = tokio::time::timeout(SEND_TIME, sink.send(message)).await;
    sent.map_err(|_| ())?.map_err(|_| ())
}

/// The next event, those that were missed first; never, before `events.subscribe`.
async fn next_event(events: &mut Option<Subscription>) -> Result<Event, &'static str> {
    let Some(subscription) = events else { return std::future::pending().await };
    if !subscription.missed.is_empty() {
        return Ok(subscription.missed.remove(0));
    }
    match subscription.live.recv().await {
        Ok(event) => Ok(event),
        Err(RecvError::Lagged(_)) => Err("too slow: subscribe again with since"),
        Err(RecvError::Closed) => Err("the tenant is gone"),
    }
}

/// By what a connection's token can end.
struct Endings {
    tenants: Receiver<TenantChange>,
    operator: watch::Receiver<()>,
    peer: Peer,
}

impl Endings {
    /// Resolves when this connection's token has ended.
    async fn of(&mut self, identity: &Identity) -> &'static str {
        match (&identity.tenant, self.peer) {
            (Some(tenant), _) => tenants_own_ended(&mut self.tenants, tenant.row).await,
            (None, Peer::Remote(_)) if self.operator.changed().await.is_ok() => "the operator's token was replaced",
            // The control socket asks for no token.
            (None, _) => std::future::pending().await,
        }
    }
}

async fn tenants_own_ended(changes: &mut Receiver<TenantChange>, row: u64) -> &'static str {
    loop {
        match changes.recv().await {
            Ok(change) if change.row == row => match change.what {
                WhatChanged::Rotated => return "the token was rotated",
                WhatChanged::Disabled => return "the tenant is disabled",
                WhatChanged::Deleted => return "the tenant is deleted",
                _ => {}
            },
            Ok(_) => {}
            // Too many changes to tell: a connection that is still good comes back.
            Err(RecvError::Lagged(_)) => return "connect again",
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

fn notification(event: &Event) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"event","params":{{"event":{},"seq":{},"payload":{}}}}}"#,
        serde_json::Value::from(&*event.name),
        event.sequence,
        event.payload.get()
    )
}
