//! Where a request comes from, by what it says itself: its Host and its Origin.

use std::net::IpAddr;

use axum::{
    extract::Request,
    http::{StatusCode, header, uri::Authority},
};

use crate::{Gateway, http::Peer, reply::Problem};

impl Gateway {
    /// Against DNS rebinding and cross-site requests: Host must be a name of
    /// ours, and an Origin, where there is one, a site that may call us.
    pub(crate) fn check_origin(&self, peer: Peer, request: &Request) -> Result<(), Problem> {
        if matches!(peer, Peer::Control) {
            return Ok(());
        }
        let config = self.config();
        let headers = request.headers();
        // Of two, a proxy before us may have looked at the other.
        for name in [header::HOST, header::ORIGIN] {
            if headers.get_all(&name).iter().nth(1).is_some() {
                let message = format!("the request has more than one {name} header");
                return Err(Problem::request(message).status(StatusCode::BAD_REQUEST));
            }
        }
        let host = request
            .uri()
            .authority()
            .map(Authority::as_str)
            .or_else(|| headers.get(header::HOST).and_then(|host| host.to_str().ok()));
        let name = host.map(host_name).unwrap_or_default();
        if !self.is_own_name(name) {
            let message = "the Host header names none of this gateway's hosts: see gateway.allowed_hosts";
            return Err(Problem::forbidden(message).status(StatusCode::FORBIDDEN));
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default();
        let listed = config.gateway.allowed_origins.iter().any(|allowed| allowed == origin);
        let same = origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host);
        if listed || same {
            return Ok(());
        }
        let message = "the Origin header names a site that may not call this gateway: see gateway.allowed_origins";
        Err(Problem::forbidden(message).status(StatusCode::FORBIDDEN))
    }

    fn is_own_name(&self, name: &str) -> bool {
        let gateway = &self.config().gateway;
        let listen = gateway.listen.ip();
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        let loopback = name.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback());
        (loopback && (listen.is_loopback() || listen.is_unspecified()))
            || address == Some(listen)
            || gateway.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

/// `name:port`, `[v6]:port` or a bare name.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}
