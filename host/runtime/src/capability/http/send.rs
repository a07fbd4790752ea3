//! One request, from the check of its host to the head of its answer.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, Uri,
    body::Incoming,
    client::conn::http1,
    http::uri::{PathAndQuery, Scheme},
};
use hyper_util::rt::TokioIo;
use openclaw_egress::{Reach, Refusal, Resolver, is_host, tls};
use openclaw_tenancy::TenantId;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::{
    Caller, Sent,
    body::{Allowance, Bounded},
};

/// Bytes of an answer's head, and of what is read ahead of its body.
const READ_BYTES: usize = 64 << 10;

/// Where a request goes.
#[derive(Clone)]
struct Target {
    host: String,
    port: u16,
    encrypted: bool,
}

impl Target {
    fn of(uri: &Uri) -> Result<Self, Error> {
        let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
        // A name and a password would be sent in the header `Host`.
        let host = authority.host().trim_matches(['[', ']']);
        if authority.as_str().contains('@') || !is_host(host) {
            return Err(Error::HttpRequestUriInvalid);
        }
        let encrypted = uri.scheme() != Some(&Scheme::HTTP);
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => Some(if encrypted { 443 } else { 80 }),
            // What is no port would be sent in the header `Host`.
            _ => authority.port_u16(),
        };
        let port = port.ok_or(Error::HttpRequestUriInvalid)?;
        Ok(Self { host: host.to_owned(), port, encrypted })
    }
}

/// Sends a request, once it is known to be allowed and written down.
pub(super) async fn send(caller: Caller, request: Request<WasiBody>, options: RequestOptions) -> Result<Sent, Error> {
    let target = Target::of(request.uri())?;
    if request.method() == Method::CONNECT {
        return Err(Error::HttpRequestMethodInvalid);
    }
    if !caller.may_ask(&target.host, target.port) {
        to_the_end(async move { caller.audit_refused(&target.host, target.port, Refusal::NotAllowed).await }).await?;
        return Err(Error::HttpRequestDenied);
    }
    let limits = caller.services.http_limits().ok_or(Error::ConfigurationError)?;
    let deadline = (Instant::now() + limits.time).min(caller.deadline);
    let place = caller.services.admission.outbound(caller.tenant()).acquire_owned();
    let place = timeout_at(deadline, place).await.ok().and_then(Result::ok).ok_or(Error::ConnectionLimitReached)?;
    let connecting = to_the_end(connect(caller, target.clone(), limits.private.clone(), place));
    let connected = within(deadline, options.connect_timeout, connecting).await;
    let (stream, place) = connected.unwrap_or(Err(Error::ConnectionTimeout))?;
    let exchange = async {
        if target.encrypted {
            exchange(encrypt(&target.host, stream).await?, request, limits.body_bytes).await
        } else {
            exchange(stream, request, limits.body_bytes).await
        }
    };
    let answered = within(deadline, options.first_byte_timeout, exchange).await;
    let (answer, connection) = answered.unwrap_or(Err(Error::HttpResponseTimeout))?;
    let allowance = Allowance { bytes: limits.body_bytes, pause: options.between_bytes_timeout, deadline };
    let (head, incoming) = answer.into_parts();
    let body = Bounded::new(incoming, allowance)?.boxed_unsync();
    // The place is the connection's: who keeps it open without reading the answer keeps the place too.
    let ended = async move {
        connection.await;
        drop(place);
        Ok(())
    };
    Ok((Response::from_parts(head, body), Box::new(ended)))
}

/// What is done before the deadline, and before the guest's own patience ends.
async fn within<T>(deadline: Instant, patience: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    let until = patience.and_then(|patience| Instant::now().checked_add(patience));
    timeout_at(until.map_or(deadline, |until| until.min(deadline)), work).await.ok()
}

/// Does what must not end half done, also where the guest gives up meanwhile or its call ends.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work).await.unwrap_or(Err(Error::InternalError(None)))
}

/// Connects, in the tenant's place, and writes down how that went.
async fn connect(
    caller: Caller,
    target: Target,
    private: Arc<[IpAddr]>,
    place: OwnedSemaphorePermit,
) -> Result<(TcpStream, OwnedSemaphorePermit), Error> {
    let resolver = Resolver::of(caller.tenant().map_or("", TenantId::as_str));
    let connected = resolver.connect(&target.host, target.port, Reach::Public(&private)).await;
    match &connected {
        // Nobody was asked, and there is no end of names.
        Err(refusal @ (Refusal::NotAllowed | Refusal::PrivateAddress | Refusal::Unresolved)) => {
            caller.audit_refused(&target.host, target.port, *refusal).await?;
        }
        Err(refusal @ Refusal::Unreachable) => {
            caller.audit_granted(&target.host, target.port, Some(*refusal)).await?;
        }
        Ok(_) => caller.audit_granted(&target.host, target.port, None).await?,
    }
    let stream = connected.map_err(|refusal| match refusal {
        Refusal::NotAllowed => Error::HttpRequestDenied,
        Refusal::PrivateAddress => Error::DestinationIpProhibited,
        Refusal::Unresolved => Error::DestinationNotFound,
        Refusal::Unreachable => Error::ConnectionRefused,
    })?;
    Ok((stream, place))
}

/// Agrees on a key with the host of this name.
async fn encrypt(host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, Error> {
    static CONNECTOR: OnceLock<TlsConnector> = OnceLock::new();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::HttpRequestUriInvalid)?;
    if CONNECTOR.get().is_none() {
        // Whom this machine trusts is read from files.
        let settings = tokio::task::spawn_blocking(tls::settings).await.map_err(io::Error::other).flatten();
        let connector = TlsConnector::from(Arc::new(settings.map_err(Error::Tls)?));
        let _ = CONNECTOR.set(connector);
    }
    let connector = CONNECTOR.get().ok_or(Error::ConfigurationError)?;
    connector.connect(name, stream).await.map_err(Error::Tls)
}

/// Sends the request over a connection of its own, until the head of the answer is there.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    mut request: Request<WasiBody>,
    body_bytes: u64,
) -> Result<(Response<Incoming>, AbortOnDropJoinHandle<()>), Error> {
    // Scheme and host are for a proxy.
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.unwrap_or_else(|| PathAndQuery::from_static("/")).into();
    let most = usize::try_from(body_bytes).unwrap_or(usize::MAX);
    let request = request.map(|body| Limited::new(body, most));
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(READ_BYTES).handshake(TokioIo::new(stream)).await?;
    let connection = spawn(async {
        // Whoever waits for the answer hears of it.
        let _ = connection.await;
    });
    let answer = sender.send_request(request).await.map_err(|error| refusal(error, body_bytes))?;
    Ok((answer, connection))
}

/// A request whose own body was too large, told from what the other side did.
fn refusal(error: hyper::Error, body_bytes: u64) -> Error {
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Error::HttpRequestBodySize(Some(body_bytes));
        }
        cause = error.source();
    }
    error.into()
}
