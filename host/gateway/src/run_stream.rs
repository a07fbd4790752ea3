//! `agent` as a stream: a client that accepts server-sent events reads the run's own events while it waits for the
//! reply, which is the last, named `result`. Whatever is answered before anything happens is answered as ever.
//!
//! The call is a task of its own (`telling.rs`), which ends with the stream: a client that reads nothing holds up its
//! own stream alone.

mod telling;

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::stream::{self, Stream};
use openclaw_runtime::Event;
use openclaw_tenancy::{TenantChange, TenantRecord};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::broadcast;

use crate::{
    Gateway,
    auth::Identity,
    in_flight::Share,
    reply::Problem,
    request::{self, Body as Frames},
    rpc::Reply,
    server_sent::{event, revoked},
};
use telling::{Telling, Told};

/// The method, and the event that tells of its runs.
const AGENT: &str = "agent";

/// The run that a request is about.
pub(crate) struct Watched {
    tenant: Arc<TenantRecord>,
    run_id: String,
}

/// What happens next of a run.
pub(crate) enum Next<T> {
    Event(Event),
    /// So many events came faster than they were read.
    Missed(u64),
    Reply(T),
    /// The token opens nothing any more.
    End,
}

/// A run whose events are heard while its reply is waited for.
pub(crate) struct Run<T> {
    gateway: Arc<Gateway>,
    watched: Watched,
    changes: broadcast::Receiver<TenantChange>,
    telling: Telling<T>,
}

/// The run that a body asks for which is one call of `agent`, where its client wants a stream.
#[allow(clippy::disallowed_methods, reason = "checked with its frame; into a type of ours")]
pub(crate) fn watched(gateway: &Gateway, identity: &Identity, headers: &HeaderMap, body: &[u8]) -> Option<Watched> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Params {
        idempotency_key: String,
    }
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let wants = accepts.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("text/event-stream"));
    if !wants {
        return None;
    }
    let (depth, batch) = gateway.frame_limits();
    let Ok(Frames::Single(Ok(call))) = request::parse(body, depth, batch) else { return None };
    if call.method != AGENT || call.id.is_none() {
        return None;
    }
    let params: Params = serde_json::from_str(call.params.map(RawValue::get)?).ok()?;
    let tenant = match (&identity.tenant, &identity.acting_for) {
        (Some(own), _) => own.clone(),
        (None, Some(named)) => gateway.tenant(named).ok()?,
        (None, None) => return None,
    };
    Some(Watched { tenant, run_id: params.idempotency_key })
}

impl Watched {
    pub(crate) fn new(tenant: Arc<TenantRecord>, run_id: String) -> Self {
        Self { tenant, run_id }
    }
}

/// Makes the call, and answers it with what happens meanwhile; `whole` makes the answer of one before which nothing
/// happened.
pub(crate) async fn answer(
    gateway: Arc<Gateway>,
    identity: Identity,
    (body, share): (Bytes, Share),
    watched: Watched,
    request_id: Arc<str>,
    whole: impl FnOnce(Reply) -> Response,
) -> Response {
    let id = request_id.clone();
    let reply = {
        let gateway = gateway.clone();
        async move {
            let reply = gateway.rpc(&identity, &body, &request_id).await;
            drop(share);
            reply
        }
    };
    let mut run = Run::begin(gateway, watched, reply);
    let first = match run.next().await {
        Next::Reply(reply) => return whole(reply),
        Next::End => {
            let ended = Problem::ended_token();
            let (status, headers) = (ended.http_status(), ended.headers.clone());
            return whole(Reply { status, headers, body: Some(ended.reply(None, &id)) });
        }
        Next::Event(first) => event(&first.name, first.payload.get()),
        Next::Missed(events) => missed(events),
    };
    let rest = stream::unfold(Some(run), |run| async move { text(run?).await });
    response(futures_util::StreamExt::chain(stream::iter([first]), rest))
}

/// What is told of a run, as the response.
pub(crate) fn response(texts: impl Stream<Item = String> + Send + 'static) -> Response {
    let body = futures_util::StreamExt::map(texts, |text| Ok::<_, Infallible>(Bytes::from(text)));
    let mut response = [(header::CONTENT_TYPE, "text/event-stream")].into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = Body::from_stream(body);
    response
}

/// The next event's text, and the run where that goes on.
async fn text(mut run: Run<Reply>) -> Option<(String, Option<Run<Reply>>)> {
    match run.next().await {
        Next::Event(happened) => Some((event(&happened.name, happened.payload.get()), Some(run))),
        Next::Missed(events) => Some((missed(events), Some(run))),
        Next::Reply(reply) => reply.body.map(|body| (event("result", &body), None)),
        Next::End => None,
    }
}

/// A comment, which clients pass over.
fn missed(events: u64) -> String {
    format!(": {events} events were not read in time: the transcript has what happened\n\n")
}

impl<T: Send + 'static> Run<T> {
    /// Begins to listen, and to work on the reply.
    pub(crate) fn begin(
        gateway: Arc<Gateway>,
        watched: Watched,
        reply: impl Future<Output = T> + Send + 'static,
    ) -> Self {
        let services = gateway.services();
        let changes = services.registry.subscribe();
        let telling = Telling::begin(services.events.subscribe(&watched.tenant.id, None).live, reply);
        Self { gateway, watched, changes, telling }
    }

    /// Waits for what happens. After the reply, and after the end, there is nothing more.
    pub(crate) async fn next(&mut self) -> Next<T> {
        loop {
            let told = tokio::select! {
                biased;
                () = revoked(&mut self.changes, &self.gateway, &self.watched.tenant) => return Next::End,
                told = self.telling.next() => told,
            };
            match told {
                Told::Event(event) if self.is_of_the_run(&event) => return Next::Event(event),
                Told::Event(_) => {}
                Told::Missed(events) => return Next::Missed(events),
                Told::Reply(reply) => return Next::Reply(reply),
                Told::End => return Next::End,
            }
        }
    }

    #[allow(clippy::disallowed_methods, reason = "checked when it was published; into a type of ours")]
    fn is_of_the_run(&self, event: &Event) -> bool {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Told {
            run_id: String,
        }
        let told = || serde_json::from_str::<Told>(event.payload.get());
        *event.name == *AGENT && told().is_ok_and(|told| told.run_id == self.watched.run_id)
    }
}
