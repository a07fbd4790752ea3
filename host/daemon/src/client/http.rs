//! One `POST /rpc` over a stream, with the upload that goes before it, and what its answer means.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Uri, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::{Request, tls};
use crate::error::{CliError, Kind};

const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    tls: bool,
    /// For the Host header.
    host: String,
    /// `host:port`, as it is connected to.
    connect: String,
    path: String,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Target {
    /// The control socket; it has no name of its own.
    pub(super) fn socket() -> Self {
        Self { tls: false, host: "localhost".into(), connect: String::new(), path: "/rpc".into() }
    }

    /// `http[s]://host[:port][/base]`; `/rpc` is added where it is missing.
    pub(super) fn parse(url: &str) -> Result<Self, CliError> {
        let wrong =
            |what: &str| CliError::usage(format!("--url {url}: {what}")).hint("write it as http://127.0.0.1:18789");
        let uri: Uri = url.parse().map_err(|_| wrong("not a URL"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong("neither an http nor an https URL")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a token or password does not belong into a URL"));
        }
        let base = uri.path().trim_end_matches('/');
        let path = if base.ends_with("/rpc") { base.to_owned() } else { format!("{base}/rpc") };
        let connect = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(if tls { 443 } else { 80 }));
        Ok(Self { tls, host: authority.as_str().to_owned(), connect, path })
    }

    /// Where another path of the same gateway is.
    pub(super) fn beside(&self, path: &str) -> String {
        format!("{}{path}", self.path.strip_suffix("/rpc").unwrap_or_default())
    }

    /// For the Host header.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Connects to a URL's host, by TLS where the URL says so.
    pub(super) async fn connect(&self) -> Result<Box<dyn Stream>, CliError> {
        let unreachable = |reason: String| {
            CliError::new(Kind::Unreachable, format!("cannot reach the gateway at {}: {reason}", self.connect))
        };
        let connect = async {
            let stream = TcpStream::connect(&self.connect).await.map_err(|error| {
                unreachable(error.to_string())
                    .hint("`openclaw doctor` says whether a daemon runs, `openclaw serve` starts one")
            })?;
            if !self.tls {
                return Ok::<Box<dyn Stream>, _>(Box::new(stream));
            }
            let name = self.connect.rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']']);
            let stream = tls::connect(name, stream)
                .await
                .map_err(|error| unreachable(error.to_string()).hint(tls::advice(&error)))?;
            Ok(Box::new(stream))
        };
        let connected = tokio::time::timeout(CONNECT_TIME, connect).await;
        connected.unwrap_or_else(|_| Err(unreachable(format!("no answer in {} s", CONNECT_TIME.as_secs()))))
    }
}

/// A connection of any kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Sends the request and reads the whole answer.
pub(super) async fn post<S>(stream: S, target: &Target, request: &Request<'_>) -> Result<Answer, CliError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let lost = |error: hyper::Error| {
        let failure = CliError::new(Kind::Unreachable, format!("the gateway went away: {error}"));
        // What a server of TLS says to a request in the clear is no HTTP.
        if error.is_parse() { failure.hint("it may speak TLS: try https:// instead of http://") } else { failure }
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    // What ends badly here ends the exchange below as well.
    tokio::spawn(connection);
    let mut send = async |path: &str, kind: &str, body: &[u8]| {
        let message = message(target, request, path, kind, body)?;
        // The connection takes the next request when it is done with the answer before.
        sender.ready().await.map_err(lost)?;
        let response = sender.send_request(message).await.map_err(lost)?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(lost)?.to_bytes().to_vec();
        Ok::<_, CliError>(Answer { status, body })
    };
    if let Some(upload) = request.upload {
        let answer = send(&target.beside("/v1/uploads"), "application/wasm", upload).await?;
        if answer.status != 201 {
            return Err(answer.result().err().unwrap_or_else(|| CliError::failed("the file was not uploaded")));
        }
    }
    send(&target.path, "application/json", &request.body).await
}

fn message(
    target: &Target,
    request: &Request<'_>,
    path: &str,
    kind: &str,
    body: &[u8],
) -> Result<hyper::Request<Full<Bytes>>, CliError> {
    let mut message = hyper::Request::post(path).header(header::HOST, &target.host).header(header::CONTENT_TYPE, kind);
    if let Some(token) = request.token {
        message = message.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
    }
    if let Some(tenant) = request.acting_for {
        message = message.header("x-openclaw-tenant", tenant);
    }
    // Not the error's own words: they could hold the token.
    message
        .body(Full::new(Bytes::from(body.to_vec())))
        .map_err(|_| CliError::usage("the token or the tenant's id holds characters that no header can carry"))
}

impl Answer {
    /// The `result` of the reply, or its error; of an upload, the problem.
    #[allow(clippy::disallowed_methods, reason = "written by the gateway that the operator chose; of any size")]
    pub(super) fn result(self) -> Result<Value, CliError> {
        let mut reply: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        if reply["error"].is_object() {
            return Err(CliError::of_rpc(&reply["error"]));
        }
        if reply["detail"].is_string() && reply["status"].is_u64() {
            return Err(CliError::of_problem(self.status, &reply));
        }
        reply.get_mut("result").map(Value::take).ok_or_else(|| {
            let message = format!("the answer is none of a gateway: HTTP {}", self.status);
            CliError::new(Kind::of_status(self.status), message)
        })
    }
}

#[cfg(test)]
mod tests;
