//! The proxy: CONNECT and plain HTTP/1.1.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use openclaw_egress::{Reach, Resolver, is_host};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Attempt, Policy, Refusal};

type Body = BoxBody<Bytes, hyper::Error>;

/// Connections of one workload at a time; further ones wait.
const CONNECTIONS: usize = 64;

/// Of a request's head, and of what is read ahead of its body.
const HEAD_BYTES: usize = 64 << 10;

/// Serves until it is dropped, and its connections with it.
pub(super) async fn serve(listener: UnixListener, policy: Arc<Policy>, resolver: Resolver) {
    let way = Arc::new(Way { policy, resolver });
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        let way = way.clone();
        connections.spawn(async move {
            let _place = place;
            serve_connection(stream, way).await;
        });
    }
}

/// What leads out, and what of it is let through.
struct Way {
    policy: Arc<Policy>,
    resolver: Resolver,
}

/// A tunnel belongs to its connection: it ends with it.
async fn serve_connection(stream: UnixStream, way: Arc<Way>) {
    let (tunnels, mut opened) = tokio::sync::mpsc::channel::<Tunnel>(1);
    let service = service_fn(move |request| {
        let (way, tunnels) = (way.clone(), tunnels.clone());
        async move { Ok::<_, Infallible>(answer(request, &way, &tunnels).await) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    // With a timer, who does not end its request's head does not keep the place.
    server.half_close(true).timer(TokioTimer::new()).max_buf_size(HEAD_BYTES);
    let connection = server.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.with_upgrades().await {
        tracing::debug!(%error, "a connection to the proxy failed");
    }
    if let Ok(tunnel) = opened.try_recv() {
        tunnel.carry().await;
    }
}

/// What follows a CONNECT that was let through.
struct Tunnel {
    client: hyper::upgrade::OnUpgrade,
    server: TcpStream,
}

impl Tunnel {
    async fn carry(mut self) {
        if let Ok(client) = self.client.await {
            let _ = copy_bidirectional(&mut TokioIo::new(client), &mut self.server).await;
        }
    }
}

async fn answer(request: Request<Incoming>, way: &Way, tunnels: &tokio::sync::mpsc::Sender<Tunnel>) -> Response<Body> {
    let Some((host, port)) = target(&request) else {
        return text(StatusCode::BAD_REQUEST, "openclaw's proxy takes CONNECT host:port and http:// requests");
    };
    let server = match connect(&host, port, way).await {
        Ok(server) => server,
        Err(refusal) => {
            let status = match refusal {
                Refusal::NotAllowed | Refusal::PrivateAddress => StatusCode::FORBIDDEN,
                Refusal::Unresolved | Refusal::Unreachable => StatusCode::BAD_GATEWAY,
            };
            return text(status, &format!("{host}:{port}: {refusal}"));
        }
    };
    if request.method() == Method::CONNECT {
        let tunnel = Tunnel { client: hyper::upgrade::on(request), server };
        let _ = tunnels.send(tunnel).await;
        return Response::new(Full::default().map_err(|never| match never {}).boxed());
    }
    match forward(request, server).await {
        Ok(response) => response,
        Err(error) => text(StatusCode::BAD_GATEWAY, &format!("{host}:{port}: {error}")),
    }
}

/// CONNECT names host and port; plain HTTP a whole URI. HTTPS goes by CONNECT. What can be no host is not told of.
fn target(request: &Request<Incoming>) -> Option<(String, u16)> {
    let uri = request.uri();
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = match (request.method(), uri.scheme_str()) {
        (&Method::CONNECT, None) => uri.port_u16()?,
        (&Method::CONNECT, _) => return None,
        (_, Some("http")) => uri.port_u16().unwrap_or(80),
        _ => return None,
    };
    is_host(&host).then_some((host, port))
}

/// The one place that decides, and tells of it.
async fn connect(host: &str, port: u16, Way { policy, resolver }: &Way) -> Result<TcpStream, Refusal> {
    let attempt = Attempt { host: host.to_owned(), port, refused: Some(Refusal::Unreachable) };
    let attempt = Told { policy, attempt: Some(attempt) };
    let result = match policy.allow.allows(host, port) {
        true => resolver.connect(host, port, Reach::Public(&policy.private)).await,
        false => Err(Refusal::NotAllowed),
    };
    attempt.ended(result.as_ref().err().copied()).await;
    result
}

/// An attempt, which is told of when it ends: also when the workload ends before, or hangs up.
struct Told<'a> {
    policy: &'a Policy,
    attempt: Option<Attempt>,
}

impl Told<'_> {
    async fn ended(mut self, refused: Option<Refusal>) {
        let attempt = self.attempt.take().map(|attempt| Attempt { refused, ..attempt });
        // Who hangs up meanwhile does not keep it from being told.
        if let Some(telling) = attempt.map(|attempt| tokio::spawn((self.policy.audit)(attempt))) {
            let _ = telling.await;
        }
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if let (Some(attempt), Ok(runtime)) = (self.attempt.take(), Handle::try_current()) {
            runtime.spawn((self.policy.audit)(attempt));
        }
    }
}

/// Sends a request on, without what is meant for a proxy.
async fn forward(mut request: Request<Incoming>, server: TcpStream) -> Result<Response<Body>, hyper::Error> {
    let authority = request.uri().authority().map_or("", |authority| authority.as_str());
    // Without a user's name and password.
    let host = authority.rsplit('@').next().and_then(|host| HeaderValue::from_str(host).ok());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    let headers = request.headers_mut();
    let proxy_connection = HeaderName::from_static("proxy-connection");
    for name in [header::PROXY_AUTHORIZATION, header::PROXY_AUTHENTICATE, proxy_connection, header::UPGRADE, header::TE]
    {
        headers.remove(name);
    }
    // The host is the one that was checked.
    if let Some(host) = host {
        headers.insert(header::HOST, host);
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(server)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?.map(BodyExt::boxed))
}

fn text(status: StatusCode, message: &str) -> Response<Body> {
    let body = Full::from(format!("{message}\n")).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

#[cfg(test)]
mod heads_tests;
#[cfg(test)]
mod telling_tests;
#[cfg(test)]
mod tests;
