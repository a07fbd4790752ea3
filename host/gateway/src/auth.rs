//! Who makes a request: the one place that sees tokens.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, header};
use openclaw_config::gateway::FailedAuth;
use openclaw_runtime::{Caller, Scope};
use openclaw_tenancy::{Actor, AuthError, OperatorToken, Registry, TenantRecord, TokenId};

use crate::reply::Problem;
use axum::http::StatusCode;

/// Which tenant a request is about: the operator acts for any, a tenant for itself alone.
pub(crate) const TENANT_HEADER: &str = "x-openclaw-tenant";

/// The scopes that a request wants to use of those its token carries.
pub(crate) const SCOPES_HEADER: &str = "x-openclaw-scopes";

/// What a token follows where it is offered as a WebSocket's subprotocol.
pub(crate) const BEARER: &str = "openclaw.bearer.";

/// How a tenant is told that it named another one, whether or not that one exists.
pub const ANOTHER_TENANTS: &str = "a tenant's token reaches its own tenant alone";

/// An authenticated caller. Nothing behind this sees a token.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What may be called.
    pub caller: Caller,
    /// The tenant whose token it was; none for the operator.
    pub tenant: Option<Arc<TenantRecord>>,
    /// The tenant that the request names: by a tenant's token only its own may be.
    pub acting_for: Option<String>,
    /// Which token, for closing its connections.
    pub token: Option<TokenId>,
    /// The trace that its request belongs to: its id, and its caller's span.
    pub(crate) trace: Option<([u8; 16], [u8; 8])>,
}

impl Identity {
    /// The operator, by its token or by the control socket.
    #[must_use]
    pub fn operator(acting_for: Option<String>) -> Self {
        let caller = Caller { actor: Actor::Operator, scopes: Arc::new([Scope::Admin]) };
        Self { caller, tenant: None, acting_for, token: None, trace: None }
    }

    fn tenant(tenant: Arc<TenantRecord>, token: TokenId, acting_for: Option<String>) -> Self {
        let actor = Actor::Tenant { tenant: tenant.id.clone(), token };
        let caller = Caller { actor, scopes: Arc::new(Scope::OF_TENANTS) };
        Self { caller, tenant: Some(tenant), acting_for, token: Some(token), trace: None }
    }

    /// Refuses a tenant's request that names another one, in the same words whether or not that one exists.
    pub(crate) fn reach(&self, named: Option<&str>) -> Result<(), Problem> {
        match (&self.tenant, named) {
            (Some(own), Some(named)) if named != own.id.as_str() => Err(Problem::forbidden(ANOTHER_TENANTS)),
            _ => Ok(()),
        }
    }

    /// Only the scopes that were asked for: never more than the token carries.
    fn narrowed(mut self, asked: Option<&str>) -> Self {
        if let Some(asked) = asked {
            let asked: Vec<&str> = asked.split(',').map(str::trim).collect();
            let caller = &self.caller;
            let kept = [Scope::Read, Scope::Write, Scope::Pairing, Scope::Approvals, Scope::Admin]
                .into_iter()
                .filter(|scope| caller.may(*scope) && asked.contains(&scope.name()));
            self.caller.scopes = kept.collect();
        }
        self
    }
}

/// Reads the request's token and answers whose it is.
pub(crate) fn authenticate(
    registry: &Registry,
    operator: &OperatorToken,
    headers: &HeaderMap,
) -> Result<Identity, Problem> {
    single(headers, header::AUTHORIZATION.as_str())?;
    let presented =
        bearer(headers).ok_or_else(|| Problem::unauthorized("send the token as \"Authorization: Bearer <token>\""))?;
    let scopes = single(headers, SCOPES_HEADER)?;
    let named = acting_for(headers)?;
    let identity = if operator.matches(presented) {
        Identity::operator(named)
    } else {
        match registry.authenticate(presented) {
            Ok(known) => Identity::tenant(known.tenant, known.token, named),
            Err(AuthError::Disabled) => {
                return Err(Problem::forbidden("this tenant is disabled").status(StatusCode::FORBIDDEN));
            }
            Err(AuthError::Unknown) => return Err(Problem::unauthorized("the token is not valid")),
        }
    };
    Ok(identity.narrowed(scopes))
}

/// The tenant that a request names.
pub(crate) fn acting_for(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    Ok(single(headers, TENANT_HEADER)?.map(str::to_owned))
}

/// A header that may be there once. One that cannot be read, or is there twice, must not
/// pass for one that is not there: without these headers a request carries more, not less.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(Problem::request(format!("send {name} once, in plain ASCII")).status(StatusCode::BAD_REQUEST)),
    }
}

/// The token of `Authorization: Bearer`, or of a WebSocket's subprotocol
/// `openclaw.bearer.<token>`, for browsers, which cannot send the header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim());
    }
    let protocols = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    protocols.split(',').map(str::trim).find_map(|protocol| protocol.strip_prefix(BEARER))
}

/// Slows down guessing: so many failures of one address, then a pause.
#[derive(Debug, Default)]
pub(crate) struct FailedAuthLimiter {
    peers: Mutex<HashMap<IpAddr, Failures>>,
    told: Mutex<Told>,
}

/// What the log has of failures: a line at most once in [`TOLD_EVERY`].
#[derive(Debug, Default)]
struct Told {
    at: Option<Instant>,
    since: u64,
}

#[derive(Debug, Default)]
struct Failures {
    recent: VecDeque<Instant>,
    blocked_until: Option<Instant>,
}

/// How often the log tells of failed authentications.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// More addresses than this are not remembered.
const PEERS_MAX: usize = 10_000;

impl FailedAuthLimiter {
    /// Refuses an address that is blocked.
    pub(crate) fn check(&self, peer: IpAddr, limits: &FailedAuth, now: Instant) -> Result<(), Problem> {
        if exempt(peer, limits) {
            return Ok(());
        }
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        match peers.get(&network(peer)).and_then(|failures| failures.blocked_until) {
            Some(until) if until > now => {
                let seconds = (until - now).as_secs() + 1;
                Err(Problem::rate_limited("too many failed authentications from this address", seconds))
            }
            _ => Ok(()),
        }
    }

    /// Tells the log of a failure, and of those it was not told of: whoever fails can fail again at once.
    pub(crate) fn tell(&self, peer: IpAddr, now: Instant) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.since += 1;
        if told.at.is_none_or(|at| now.duration_since(at) >= TOLD_EVERY) {
            tracing::info!(%peer, failures = told.since, "authentication failed; more are told of in a minute");
            *told = Told { at: Some(now), since: 0 };
        }
    }

    /// Tells the log of the failures that nobody came after.
    pub(crate) fn tell_rest(&self, now: Instant) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.since > 0 && told.at.is_none_or(|at| now.duration_since(at) >= TOLD_EVERY) {
            tracing::info!(failures = told.since, "authentication failed, so often since that was told last");
            *told = Told { at: Some(now), since: 0 };
        }
    }

    /// Remembers a failure.
    pub(crate) fn failed(&self, peer: IpAddr, limits: &FailedAuth, now: Instant) {
        if exempt(peer, limits) {
            return;
        }
        let window = Duration::from_secs(limits.window_seconds);
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS_MAX && !peers.contains_key(&network(peer)) {
            // The least to lose makes room: a block outlives a flood of other addresses as long as it can.
            let goes = peers.iter().min_by_key(|(_, failures)| failures.weight(now, window)).map(|(peer, _)| *peer);
            goes.map(|peer| peers.remove(&peer));
        }
        let failures = peers.entry(network(peer)).or_default();
        failures.recent.push_back(now);
        failures.recent.retain(|at| now.duration_since(*at) < window);
        if failures.recent.len() >= limits.attempts as usize {
            tracing::warn!(%peer, seconds = limits.block_seconds, "too many failed authentications: the address is refused");
            failures.recent.clear();
            failures.blocked_until = Some(now + Duration::from_secs(limits.block_seconds));
        }
    }
}

impl Failures {
    /// Nothing that counts, then how many failures, then a block.
    fn weight(&self, now: Instant, window: Duration) -> usize {
        if self.blocked_until.is_some_and(|until| until > now) {
            return usize::MAX;
        }
        self.recent.iter().filter(|at| now.duration_since(**at) < window).count()
    }
}

/// Whoever has one address of IPv6 has the 2^64 beside it.
pub(crate) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

fn exempt(peer: IpAddr, limits: &FailedAuth) -> bool {
    limits.exempt_loopback && peer.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests;
