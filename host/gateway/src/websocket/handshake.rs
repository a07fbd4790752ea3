//! From an HTTP request to a WebSocket: RFC 6455, section 4.2.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::server::create_response;

use crate::{auth::BEARER, reply::Problem};

/// What answers a request for an upgrade, and the connection once that answer is out. `protocol` is ours of the
/// subprotocols.
pub(super) fn accept(request: Request, protocol: &str) -> Result<(Response, OnUpgrade), Problem> {
    let (mut parts, _) = request.into_parts();
    let on_upgrade = parts.extensions.remove::<OnUpgrade>();
    let (subprotocol, path) = (subprotocol(&parts.headers, protocol), parts.uri.path().to_owned());
    let accepted = create_response(&Request::from_parts(parts, ())).map_err(|error| {
        let message = format!("GET {path} is for WebSockets, and this request asks for none: {error}");
        let problem = Problem::request(message).status(StatusCode::UPGRADE_REQUIRED);
        // RFC 9110, 15.5.22: told with what to upgrade to.
        problem.header("connection", "upgrade".into()).header("upgrade", "websocket".into())
    })?;
    let on_upgrade = on_upgrade.ok_or_else(|| Problem::internal("a connection that cannot be upgraded"))?;
    let mut response = accepted.map(|()| Body::empty());
    if let Some(subprotocol) = subprotocol {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    Ok((response, on_upgrade))
}

/// Which of the subprotocols that a client offers is answered, ours first. A browser gives up where none
/// is; one that offers its token alone hears it again, which nobody else does.
fn subprotocol(headers: &HeaderMap, ours: &str) -> Option<HeaderValue> {
    let offered = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    let chosen = offered.split(',').map(str::trim).min_by_key(|name| (*name != ours, name.starts_with(BEARER)))?;
    HeaderValue::from_str(chosen).ok()
}
