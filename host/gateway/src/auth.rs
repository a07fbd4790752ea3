//! Who makes a request: the one place that sees tokens.

mod limiter;

use std::{sync::Arc, time::Instant};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use openclaw_runtime::{Caller, Scope};
use openclaw_tenancy::{Actor, AuthError, OperatorToken, Registry, TenantRecord, TokenId};

use crate::{Gateway, http::Peer, reply::Problem, trace_context::TraceParent};

pub(crate) use limiter::{FailedAuthLimiter, network};

/// Which tenant a request is about: the operator acts for any, a tenant for itself alone.
pub(crate) const TENANT_HEADER: &str = "x-openclaw-tenant";

/// The scopes that a request wants to use of those its token carries.
pub(crate) const SCOPES_HEADER: &str = "x-openclaw-scopes";

/// What a token follows where it is offered as a WebSocket's subprotocol.
pub(crate) const BEARER: &str = "openclaw.bearer.";

/// Where the control plane takes the operator's token too.
const CONTROL_PLANE_TOKEN: &str = "x-control-plane-token";

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
            (Some(own), Some(named)) if named != own.id.as_str() => Err(Problem::another_tenants()),
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

impl Gateway {
    /// Who makes a request, within the limits on failed tries.
    pub(crate) fn identify(&self, peer: Peer, headers: &HeaderMap) -> Result<Identity, Problem> {
        let identity = self.known(peer, headers)?;
        Ok(Identity { trace: TraceParent::of(headers).map(TraceParent::ids), ..identity })
    }

    /// The token is looked at first, and takes the same time whatever is wrong with it. An address with too many
    /// failures is told nothing of its next ones but that; whoever has a token there is not held up.
    fn known(&self, peer: Peer, headers: &HeaderMap) -> Result<Identity, Problem> {
        let operator = self.operator_token();
        let registry = &self.services().registry;
        let address = match peer {
            // Whoever opens it is the operator, unless they bring a token to be judged by.
            Peer::Control if bearer(headers).is_none() => return Ok(Identity::operator(acting_for(headers)?)),
            Peer::Control => return authenticate(registry, &operator, headers),
            Peer::Remote(address) => address.ip(),
        };
        let config = self.config();
        let (limits, now) = (&config.gateway.limits.failed_auth, Instant::now());
        match authenticate(registry, &operator, headers) {
            // One that could be found by trying waits with those who try.
            Ok(identity) if identity.tenant.is_none() && !operator.withstands_guessing() => {
                self.failed_auth.check(address, limits, now).map(|()| identity)
            }
            Err(problem) if problem.status == StatusCode::UNAUTHORIZED => {
                self.metrics().failed_auth.inc();
                self.failed_auth.tell(address, now);
                self.failed_auth.check(address, limits, now)?;
                self.failed_auth.failed(address, limits, now);
                Err(problem)
            }
            other => other,
        }
    }
}

/// Reads the request's token and answers whose it is.
fn authenticate(registry: &Registry, operator: &OperatorToken, headers: &HeaderMap) -> Result<Identity, Problem> {
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

/// A request of the control plane may bring the operator's token in a header of that name. From here on it is a
/// token like any other.
pub(crate) fn take_control_plane_token(headers: &mut HeaderMap) -> Result<(), Problem> {
    let Some(token) = single(headers, CONTROL_PLANE_TOKEN)? else { return Ok(()) };
    if headers.contains_key(header::AUTHORIZATION) {
        let message = format!("send one token: by {} or by {CONTROL_PLANE_TOKEN}", header::AUTHORIZATION);
        return Err(Problem::request(message).status(StatusCode::BAD_REQUEST));
    }
    if let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {token}")) {
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
    }
    Ok(())
}

/// The tenant that a request names.
fn acting_for(headers: &HeaderMap) -> Result<Option<String>, Problem> {
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
fn bearer(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim());
    }
    let protocols = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    protocols.split(',').map(str::trim).find_map(|protocol| protocol.strip_prefix(BEARER))
}
