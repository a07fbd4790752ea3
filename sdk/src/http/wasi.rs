//! A request as WASI sends it: its parts are handles, and its bodies are streams.

use super::{Request, Response};
use crate::bindings::wasi::{
    http::{
        outgoing_handler,
        types::{ErrorCode, Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, Scheme, http_error_code},
    },
    io::streams::{InputStream, OutputStream, StreamError},
};
use crate::{Call, Error, Result};

const CHUNK: u64 = 64 << 10;

pub(super) struct Client;

pub(super) fn open(_: &Call) -> Result<Client> {
    Ok(Client)
}

/// Where a request goes, for messages.
struct Host<'a>(&'a str);

impl Client {
    pub(super) fn send(&self, request: &Request) -> Result<Response> {
        let (scheme, host, path) = parts(&request.url)?;
        let host = Host(host);
        let outgoing = outgoing(request, scheme, host.0, path)?;
        let body = match request.body.is_empty() {
            true => None,
            false => Some(outgoing.body().map_err(|()| Error::internal("a request has one body"))?),
        };
        let answer = outgoing_handler::handle(outgoing, None).map_err(|code| host.error(&code))?;
        // A body that cannot be written is a request that failed: the answer says why.
        let sent =
            body.is_none_or(|body| write(&body, &request.body).is_ok() && OutgoingBody::finish(body, None).is_ok());
        answer.subscribe().block();
        let answer = answer.get().and_then(Result::ok).ok_or_else(|| Error::internal("an answer comes once"))?;
        let answer = answer.map_err(|code| host.error(&code))?;
        if !sent {
            return Err(host.unavailable("took only a part of the request"));
        }
        let (status, headers) = (answer.status(), answer.headers().entries());
        let incoming = answer.consume().map_err(|()| Error::internal("an answer has one body"))?;
        Ok(Response { status, headers, body: host.read(&incoming)? })
    }
}

/// Scheme, host with port, path with query.
fn parts(url: &str) -> Result<(Scheme, &str, &str)> {
    let url = url.split('#').next().unwrap_or(url);
    let (scheme, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (Scheme::Https, rest),
        (None, Some(rest)) => (Scheme::Http, rest),
        (None, None) => return Err(Error::invalid(format!("{url} begins with neither https:// nor http://"))),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    Ok((scheme, &rest[..end], &rest[end..]))
}

fn outgoing(request: &Request, scheme: Scheme, host: &str, path: &str) -> Result<OutgoingRequest> {
    let mut headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    if !request.body.is_empty() {
        headers.push(("content-length".to_owned(), request.body.len().to_string().into_bytes()));
    }
    let headers =
        Fields::from_list(&headers).map_err(|error| Error::invalid(format!("a header of the request: {error}")))?;
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let outgoing = OutgoingRequest::new(headers);
    let set = outgoing
        .set_method(&method(&request.method))
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(host)))
        .and_then(|()| outgoing.set_path_with_query(Some(&path)));
    set.map_err(|()| Error::invalid(format!("{} {} is no request", request.method, request.url)))?;
    Ok(outgoing)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn write(body: &OutgoingBody, mut bytes: &[u8]) -> Result<(), ()> {
    let stream: OutputStream = body.write()?;
    while !bytes.is_empty() {
        let ready = stream.check_write().map_err(drop)?;
        if ready == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, later) = bytes.split_at(bytes.len().min(usize::try_from(ready.min(CHUNK)).unwrap_or_default()));
        stream.write(now).map_err(drop)?;
        bytes = later;
    }
    stream.blocking_flush().map_err(drop)
}

impl Host<'_> {
    fn read(&self, body: &IncomingBody) -> Result<Vec<u8>> {
        let stream: InputStream = body.stream().map_err(|()| Error::internal("a body is read once"))?;
        let mut bytes = Vec::new();
        loop {
            match stream.blocking_read(CHUNK) {
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(StreamError::Closed) => return Ok(bytes),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(match http_error_code(&error) {
                        Some(code) => self.error(&code),
                        None => self.unavailable("broke its answer off"),
                    });
                }
            }
        }
    }

    fn unavailable(&self, what: &str) -> Error {
        Error::unavailable(format!("{} {what}", self.0), None)
    }

    fn error(&self, code: &ErrorCode) -> Error {
        match code {
            ErrorCode::HttpRequestDenied => {
                Error::forbidden(format!("http:{} is not granted to this component", self.0))
            }
            ErrorCode::DestinationIpProhibited => {
                Error::forbidden(format!("{} leads to a private, local or reserved address", self.0))
            }
            ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestMethodInvalid => {
                Error::invalid(format!("{}: the URL or the method is none that can be asked", self.0))
            }
            ErrorCode::HttpRequestBodySize(_) => self.unavailable("is not sent a body of this size"),
            ErrorCode::HttpResponseBodySize(_) => self.unavailable("answers more than a component gets"),
            ErrorCode::ConnectionTimeout | ErrorCode::HttpResponseTimeout | ErrorCode::ConnectionReadTimeout => {
                self.unavailable("did not answer in time")
            }
            ErrorCode::DestinationNotFound => self.unavailable("has no address"),
            ErrorCode::ConnectionLimitReached => {
                self.unavailable("is one request too many: a call has 64, and a tenant 16 at once")
            }
            code => self.unavailable(&format!("cannot be asked: {code}")),
        }
    }
}
