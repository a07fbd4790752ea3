//! `agent` as a stream: a client that accepts server-sent events reads the run's own events while it waits for the
//! reply, which is the last, named `result`. Whatever is answered before anything happens is answered as ever.

use std::{convert::Infallible, pin::Pin, sync::Arc};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use openclaw_runtime::{Event, Subscription};
use openclaw_tenancy::{TenantChange, TenantRecord};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    Gateway,
    auth::Identity,
    in_flight::Share,
    request::{self, Body as Frames},
    rpc::Reply,
    server_sent::{event, revoked},
};

/// The method, and the event that tells of its runs.
const AGENT: &str = "agent";

/// The run that a request is about.
pub(crate) struct Watched {
    tenant: Arc<TenantRecord>,
    run_id: String,
}

/// What a stream has to say next.
enum Next {
    Event(Event),
    Reply(Reply),
    /// The token opens nothing any more.
    End,
}

struct Stream {
    gateway: Arc<Gateway>,
    watched: Watched,
    events: Subscription,
    changes: broadcast::Receiver<TenantChange>,
    reply: Pin<Box<dyn Future<Output = Reply> + Send>>,
    has_ended: bool,
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
    let (events, changes) = {
        let services = gateway.services();
        (services.events.subscribe(&watched.tenant.id, None), services.registry.subscribe())
    };
    let reply = {
        let gateway = gateway.clone();
        Box::pin(async move {
            let reply = gateway.rpc(&identity, &body, &request_id).await;
            drop(share);
            reply
        })
    };
    let mut stream = Stream { gateway, watched, events, changes, reply, has_ended: false };
    match stream.next().await {
        Next::Reply(reply) => whole(reply),
        Next::End => ().into_response(),
        Next::Event(first) => {
            let first = event(&first.name, first.payload.get());
            let rest = stream::unfold(stream, |mut stream| async move { Some((stream.text().await?, stream)) });
            let all = futures_util::StreamExt::chain(stream::iter([first]), rest);
            let body = futures_util::StreamExt::map(all, |text| Ok::<_, Infallible>(Bytes::from(text)));
            let mut response = [(header::CONTENT_TYPE, "text/event-stream")].into_response();
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            *response.body_mut() = Body::from_stream(body);
            response
        }
    }
}

impl Stream {
    async fn next(&mut self) -> Next {
        loop {
            tokio::select! {
                biased;
                heard = self.events.live.recv() => match heard {
                    Ok(event) if self.is_of_the_run(&event) => return Next::Event(event),
                    // What was missed is in the transcript.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Next::End,
                },
                reply = &mut self.reply => return Next::Reply(reply),
                () = revoked(&mut self.changes, &self.gateway, &self.watched.tenant) => return Next::End,
            }
        }
    }

    async fn text(&mut self) -> Option<String> {
        if self.has_ended {
            return None;
        }
        match self.next().await {
            Next::Event(happened) => Some(event(&happened.name, happened.payload.get())),
            Next::Reply(reply) => {
                self.has_ended = true;
                reply.body.map(|body| event("result", &body))
            }
            Next::End => None,
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
