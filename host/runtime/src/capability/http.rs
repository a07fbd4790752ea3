//! `wasi:http`: requests to the hosts that a binding is granted, and to no others.
//!
//! The resources are wasmtime's; here is the way out. A name is looked up by us, and an address that is not out in the
//! world is refused unless the operator vouches for it. Nothing is followed: a redirect is an answer, and asking what it
//! names is another request. Nothing of the environment is used, and each attempt is in the audit log before it is
//! answered, by host and port alone, and its repetitions once its call ends; of what is not granted, so much as
//! `refusals` says. What a request may take is the operator's (`components.http`), and never more than its call may.

mod body;
mod refusals;
mod send;

use std::{net::IpAddr, sync::Arc, time::Duration};

use hyper::{Request, Response};
use openclaw_config::gateway::OutboundHttp;
use openclaw_egress::{Attempt, Refusal};
use openclaw_tenancy::{AuditEvent, TenantId};
use serde_json::json;
use tokio::time::Instant;
use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource, ResourceTable},
};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
    p2::bindings::http::types::{self, HostOutgoingRequest as _},
};

pub(crate) use refusals::Refusals;
use refusals::{Entry, OfACall};

use crate::{
    call::{CallFacts, CallState},
    component::Component,
    grants::Grants,
    sandboxes::{Attempts, Source},
    services::Services,
};

/// Requests of one call.
const REQUESTS: u32 = 64;

/// Bytes of a request's headers in memory.
const HEADER_BYTES: usize = 32 << 10;

/// Bytes of a method's name, and of a host with its port: a request that is kept holds them.
const METHOD_BYTES: usize = 64;
const AUTHORITY_BYTES: usize = 300;

const TYPES: &str = "wasi:http/types@0.2.12";

/// Links wasmtime's, but for three functions: wasmtime 48 looks in the errors of bodies for another type than it puts
/// there, and takes words of any length.
pub(crate) fn add_to_linker<T: WasiHttpView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    let mut interface = linker.instance(TYPES)?;
    let code = |mut store: StoreContextMut<'_, T>, (error,): (Resource<types::IoError>,)| {
        Ok((store.data_mut().http().table.get(&error)?.downcast_ref::<Error>().map(of_body),))
    };
    interface.func_wrap("http-error-code", code)?;
    type Request = Resource<types::OutgoingRequest>;
    let method = |mut store: StoreContextMut<'_, T>, (request, method): (Request, types::Method)| {
        if matches!(&method, types::Method::Other(name) if name.len() > METHOD_BYTES) {
            return Ok((Err(()),));
        }
        Ok((store.data_mut().http().set_method(request, method)?,))
    };
    interface.func_wrap("[method]outgoing-request.set-method", method)?;
    let authority = |mut store: StoreContextMut<'_, T>, (request, authority): (Request, Option<String>)| {
        if authority.as_ref().is_some_and(|authority| authority.len() > AUTHORITY_BYTES) {
            return Ok((Err(()),));
        }
        Ok((store.data_mut().http().set_authority(request, authority)?,))
    };
    interface.func_wrap("[method]outgoing-request.set-authority", authority)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Why a body has no more.
fn of_body(error: &Error) -> types::ErrorCode {
    match error {
        Error::HttpResponseBodySize(most) => types::ErrorCode::HttpResponseBodySize(*most),
        Error::HttpResponseTimeout => types::ErrorCode::HttpResponseTimeout,
        _ => types::ErrorCode::HttpResponseIncomplete,
    }
}

/// What is asked, and what becomes of it once it was sent.
type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// The way out of one call, made when it first uses it.
pub(crate) struct Outbound {
    context: WasiHttpCtx,
    hooks: Hooks,
}

impl Outbound {
    fn of(caller: Option<Caller>) -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(HEADER_BYTES);
        Self { context, hooks: Hooks { caller, requests: 0 } }
    }

    /// For what is no call: every request is denied.
    pub(crate) fn of_nobody() -> Self {
        Self::of(None)
    }

    pub(crate) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView { hooks: &mut self.hooks, table, ctx: &mut self.context }
    }
}

struct Hooks {
    caller: Option<Caller>,
    requests: u32,
}

/// Whose requests these are.
#[derive(Clone)]
struct Caller {
    facts: CallFacts,
    component: Arc<Component>,
    grants: Arc<Grants>,
    services: Arc<Services>,
    /// What the call was refused.
    refused: Arc<OfACall>,
    /// What it was not.
    attempts: Arc<Attempts>,
    /// When the call ends.
    deadline: Instant,
}

impl Caller {
    fn tenant(&self) -> Option<&TenantId> {
        self.facts.subject.tenant().map(|tenant| &tenant.id)
    }

    /// Whether the host may be asked, now.
    fn may_ask(&self, host: &str, port: u16) -> bool {
        let is_current = self.facts.subject.tenant().is_none_or(|tenant| self.services.is_current(tenant));
        is_current && self.grants.allow_host(host, port)
    }

    /// Writes down that a host may not be asked, where that is not known already.
    async fn audit_refused(&self, host: &str, port: u16, refusal: Refusal) -> Result<(), Error> {
        let refused = match self.refused.entry(host, port, &self.services.refusals, self.tenant()) {
            Entry::Whole => refusal.to_string(),
            Entry::More => format!("{refusal}; more that are refused are not written down"),
            Entry::Nothing => return Ok(()),
        };
        self.audit(host, port, refused).await
    }

    /// Writes down that a host was asked, or could not be; that it was asked again, at the end of the call.
    async fn audit_granted(&self, host: &str, port: u16, refused: Option<Refusal>) -> Result<(), Error> {
        let attempt = Attempt { host: host.to_owned(), port, refused };
        if self.attempts.clone().record(attempt).await { Ok(()) } else { Err(Error::InternalError(None)) }
    }

    async fn audit(&self, host: &str, port: u16, refused: String) -> Result<(), Error> {
        let event = AuditEvent {
            actor: self.facts.caller.actor.clone(),
            tenant: self.tenant().cloned(),
            action: "component.http",
            detail: json!({
                "family": self.component.manifest.family.as_str(),
                "digest": self.component.digest.to_string(),
                "requestId": &*self.facts.request_id,
                "host": host,
                "port": port,
                "refused": refused,
            }),
        };
        let audit = self.services.audit.clone();
        let written = self.services.admission.off_thread(self.tenant(), move || audit.append(event)).await;
        if let Ok(Ok(())) = written {
            return Ok(());
        }
        tracing::error!(
            request_id = &*self.facts.request_id,
            ?written,
            "a request of a component is not in the audit log"
        );
        Err(Error::InternalError(None))
    }
}

fn attempts(facts: &CallFacts, component: &Component, services: &Services) -> Arc<Attempts> {
    let source = Source::Call {
        family: component.manifest.family.as_str().to_owned(),
        digest: component.digest.to_string(),
        request_id: facts.request_id.to_string(),
    };
    let tenant = facts.subject.tenant().map(|tenant| &**tenant);
    Attempts::of_call(services, facts.caller.actor.clone(), tenant, source)
}

impl WasiHttpView for CallState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (services, grants) = (&self.services, &self.grants);
        let http = self.http.get_or_insert_with(|| {
            let caller = self.facts.as_ref().zip(self.component.as_ref());
            let caller = caller.map(|(facts, component)| Caller {
                facts: facts.clone(),
                component: component.clone(),
                grants: grants.clone(),
                services: services.clone(),
                refused: Arc::default(),
                attempts: attempts(facts, component, services),
                deadline: self.deadline.into(),
            });
            Box::new(Outbound::of(caller))
        });
        http.view(&mut self.table)
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _received: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        self.requests += 1;
        let over = self.requests > REQUESTS;
        match self.caller.clone() {
            Some(caller) if !over => Box::new(send::send(caller, request, options.unwrap_or_default())),
            Some(_) => Box::new(async { Err(Error::ConnectionLimitReached) }),
            None => Box::new(async { Err(Error::HttpRequestDenied) }),
        }
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        64 << 10
    }

    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> types::ErrorCode {
        types::ErrorCode::HttpProtocolError
    }

    fn p2_error_from_connect(&mut self, _: &std::io::Error) -> types::ErrorCode {
        types::ErrorCode::ConnectionRefused
    }

    fn p2_error_from_tls(&mut self, _: &std::io::Error) -> types::ErrorCode {
        types::ErrorCode::TlsCertificateError
    }
}

/// What a request and its answer may take, from `components.http`.
#[derive(Clone, Debug)]
pub(crate) struct HttpLimits {
    /// Addresses that the operator vouches for.
    pub(crate) private: Arc<[IpAddr]>,
    pub(crate) time: Duration,
    /// Of a request's body, and of an answer's.
    pub(crate) body_bytes: u64,
}

impl From<&OutboundHttp> for HttpLimits {
    fn from(http: &OutboundHttp) -> Self {
        Self {
            private: http.private_addresses.iter().map(IpAddr::to_canonical).collect(),
            time: Duration::from_millis(http.timeout_ms),
            body_bytes: http.body_bytes,
        }
    }
}
