//! A workload that is given up while the engine makes its container. The engine is played, so that the moment is hit.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use openclaw_sandbox::{Backend, Docker, DockerImage, DockerOptions, Workload};
use tokio::net::UnixListener;
use tokio::sync::{Notify, mpsc};

use crate::world::World;

/// What the engine was asked.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Create,
    /// Nobody waits for what it makes.
    HungUp,
    Remove,
}

/// An engine that makes a container when it is told.
struct Engine {
    events: mpsc::UnboundedSender<Event>,
    go: Notify,
}

/// Tells where it is dropped before its end.
struct Waits<'a>(Option<&'a Engine>);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if let Some(engine) = self.0 {
            let _ = engine.events.send(Event::HungUp);
        }
    }
}

impl Engine {
    fn listen(socket: &Path) -> (Arc<Self>, mpsc::UnboundedReceiver<Event>) {
        let (events, told) = mpsc::unbounded_channel();
        let engine = Arc::new(Self { events, go: Notify::new() });
        let (listener, serving) = (UnixListener::bind(socket).unwrap(), engine.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let engine = serving.clone();
                let service = service_fn(move |request| {
                    let engine = engine.clone();
                    async move { Ok::<_, Infallible>(engine.answer(&request).await) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        (engine, told)
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        let (status, body) = match *request.method() {
            Method::GET if path.ends_with("/version") => (StatusCode::OK, r#"{"ApiVersion": "1.47"}"#),
            Method::GET => (StatusCode::OK, "{}"),
            Method::POST if path.ends_with("/containers/create") => {
                let mut waits = Waits(Some(self));
                self.events.send(Event::Create).unwrap();
                self.go.notified().await;
                waits.0 = None;
                (StatusCode::CREATED, r#"{"Id": "it", "Warnings": []}"#)
            }
            Method::DELETE if path.ends_with("/containers/it") => {
                self.events.send(Event::Remove).unwrap();
                (StatusCode::NO_CONTENT, "")
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, r#"{"message": "it does no more than that"}"#),
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        response.headers_mut().insert("content-type", "application/json".parse().unwrap());
        response
    }
}

#[tokio::test]
async fn a_container_that_nobody_waits_for_any_more_is_removed() {
    let world = World::new();
    let (reaper, socket) = (world.reaper(), world.path("engine.sock"));
    let (engine, mut events) = Engine::listen(&socket);
    let options = DockerOptions {
        socket,
        directory: world.path("sandbox"),
        image: DockerImage::Named("any".to_owned()),
        runtime: None,
        strict: false,
        pool: 0,
        tidy: false,
        reaper,
    };
    let (backend, tenant) = (Docker::open(options).await.unwrap(), world.tenant(1));
    let starting = tokio::spawn(async move { backend.start(&tenant, Workload::shell("true")).await.map(drop) });
    assert_eq!(events.recv().await, Some(Event::Create));
    starting.abort();
    assert!(starting.await.unwrap_err().is_cancelled());
    engine.go.notify_one();
    assert_eq!(events.recv().await, Some(Event::Remove));
}
