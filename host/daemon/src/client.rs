//! The way from a verb to the gateway.
//!
//! `--url` goes over HTTP with a token. Otherwise the state directory decides:
//! the daemon's control socket where one runs, else the gateway is opened in
//! this process under the directory's lock. The operator needs no token there;
//! whoever brings one is judged by it all the same.

mod http;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_config::Secret;
use openclaw_gateway::{Gateway, GatewaySettings, Identity, Listeners};
use openclaw_tenancy::{Home, HomeError, HomeLock};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::sync::oneshot;

use crate::builtin;
use crate::cli::Global;
use crate::error::{CliError, Kind};
use crate::logging::Logging;
use crate::port;
use crate::settings::{Settings, home_path};
use http::{Answer, Target};

/// How long another short-lived holder of the lock (a verb like this one) is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// The variable that holds a token.
const TOKEN: &str = "OPENCLAW_TOKEN";

/// Calls methods for one verb.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    global: &'a Global,
    token: Option<Secret>,
}

/// One request, however it travels.
#[derive(Debug)]
struct Request<'a> {
    body: Vec<u8>,
    /// A file that the body names by its digest, sent before it.
    upload: Option<&'a [u8]>,
    acting_for: Option<&'a str>,
    token: Option<&'a Secret>,
}

/// How this process reaches a state directory.
enum Access {
    /// Its daemon listens here.
    Daemon(UnixStream),
    /// Nobody has it but us.
    Own(HomeLock),
}

impl<'a> Client<'a> {
    /// For the operator: by the control socket, or by the token of the environment at a URL.
    pub(crate) fn operator(global: &'a Global) -> Self {
        let token = url(global).and_then(|_| token_of_environment());
        Self { global, token }
    }

    /// For whoever the token of the environment belongs to, or the operator without one.
    pub(crate) fn of_environment(global: &'a Global) -> Self {
        Self::with_token(global, token_of_environment())
    }

    /// For whoever the token says, or the operator without one.
    pub(crate) fn with_token(global: &'a Global, token: Option<Secret>) -> Self {
        Self { global, token }
    }

    /// Calls a method and answers its result; `acting_for` names the tenant whose call it is when
    /// the operator makes it.
    pub(crate) async fn request(
        &self,
        method: &str,
        params: Value,
        acting_for: Option<&str>,
    ) -> Result<Value, CliError> {
        self.request_with(method, params, acting_for, None).await
    }

    /// The same, after a file was uploaded that is too large for the parameters and is named in them by its digest.
    pub(crate) async fn request_with(
        &self,
        method: &str,
        params: Value,
        acting_for: Option<&str>,
        upload: Option<&[u8]>,
    ) -> Result<Value, CliError> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string().into_bytes();
        let request = Request { body, upload, acting_for, token: self.token.as_ref() };
        let answer = match url(self.global) {
            Some(url) => remote(url, request).await?,
            None => self.at_home(request).await?,
        };
        answer.result().map_err(|error| self.explain(error))
    }

    /// A token that is a tenant's is easily left in the environment by one who means to be the operator.
    fn explain(&self, error: CliError) -> CliError {
        if error.is_operators_alone() && self.token.is_some() && token_of_environment().is_some() {
            return error.hint(format!(
                "{TOKEN} holds a tenant's token: without it (`unset {TOKEN}`) you are the operator on this machine"
            ));
        }
        error
    }

    async fn at_home(&self, request: Request<'_>) -> Result<Answer, CliError> {
        let home = Home::open(&home_path(self.global)?)?;
        let by_token = request.token.is_some();
        match reach(&home).await? {
            Access::Daemon(stream) if !by_token => http::post(stream, &Target::socket(), &request).await,
            Access::Daemon(stream) => {
                // Over the socket everyone is the operator.
                drop(stream);
                to_address(daemon_address(&home)?, request).await
            }
            Access::Own(lock) if !by_token => in_process(home, lock, request).await,
            Access::Own(lock) => in_process_by_token(home, lock, request).await,
        }
    }
}

/// `--url` or its variable; an empty one is none.
pub(crate) fn url(global: &Global) -> Option<&str> {
    global.url.as_deref().filter(|url| !url.is_empty())
}

/// The token in `OPENCLAW_TOKEN`.
pub(crate) fn token_of_environment() -> Option<Secret> {
    std::env::var(TOKEN).ok().map(|token| Secret::new(token.trim())).filter(|token| !token.is_blank())
}

async fn remote(url: &str, request: Request<'_>) -> Result<Answer, CliError> {
    if request.token.is_none() {
        return Err(CliError::new(Kind::Authentication, format!("a call to {url} needs a token"))
            .hint(format!("put it into the environment as {TOKEN}")));
    }
    let target = Target::parse(url)?;
    http::post(target.connect().await?, &target, &request).await
}

/// Connects to the daemon or takes its place. A socket that nobody answers was left by a daemon
/// that was killed.
async fn reach(home: &Home) -> Result<Access, CliError> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match UnixStream::connect(home.control_socket_path()).await {
            Ok(stream) => return Ok(Access::Daemon(stream)),
            Err(error) if nobody_there(&error) => {}
            Err(error) => {
                return Err(CliError::new(Kind::Unreachable, format!("the daemon's control socket: {error}")));
            }
        }
        match home.lock() {
            Ok(lock) => return Ok(Access::Own(lock)),
            Err(HomeError::Held { .. }) if Instant::now() < deadline => tokio::time::sleep(LOCK_RETRY).await,
            Err(error) => return Err(error.into()),
        }
    }
}

/// `InvalidInput`: a path too long for a socket, so that no daemon can have made one.
pub(crate) fn nobody_there(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput)
}

/// Where the daemon of this directory listens: what its process has open, else what is configured.
fn daemon_address(home: &Home) -> Result<SocketAddr, CliError> {
    let pid = match home.lock() {
        Err(HomeError::Held { pid, .. }) => pid,
        _ => None,
    };
    match pid.and_then(|pid| port::addresses_of(pid).first().copied()) {
        Some(address) => Ok(address),
        None => Ok(Settings::load(home.path(), &[])?.loaded.config.gateway.listen),
    }
}

async fn to_address(address: SocketAddr, request: Request<'_>) -> Result<Answer, CliError> {
    let target = Target::address(reachable(address));
    http::post(target.connect().await?, &target, &request).await
}

/// An address to connect to for one to listen on.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Opens the gateway of a directory that is ours.
pub(crate) async fn open(home: Home, lock: HomeLock, settings: Settings) -> Result<Arc<Gateway>, CliError> {
    let Settings { loaded, overrides } = settings;
    let builtin = builtin::COMPONENTS.to_vec();
    Ok(Gateway::open(GatewaySettings { home, lock, loaded, overrides, builtin, costs: None }).await?)
}

async fn in_process(home: Home, lock: HomeLock, request: Request<'_>) -> Result<Answer, CliError> {
    let settings = Settings::load(home.path(), &[])?;
    Logging::start(&home.log_path(), &settings.loaded.config.telemetry.log, false)?;
    let gateway = open(home, lock, settings).await?;
    let identity = Identity::operator(request.acting_for.map(str::to_owned));
    let id = ulid::Ulid::new().to_string().into();
    if let Some(upload) = request.upload {
        gateway.stage_bytes(request.acting_for, upload.to_vec()).await.map_err(CliError::failed)?;
    }
    let reply = gateway.rpc(&identity, &request.body, &id).await;
    gateway.close().await;
    Ok(Answer { status: reply.status.as_u16(), body: reply.body.unwrap_or_default().into_bytes() })
}

/// A token is judged where tokens are judged: at the HTTP door, here one that only we know of.
async fn in_process_by_token(home: Home, lock: HomeLock, request: Request<'_>) -> Result<Answer, CliError> {
    let settings = Settings::load(home.path(), &[])?;
    let listen = settings.loaded.config.gateway.listen;
    Logging::start(&home.log_path(), &settings.loaded.config.telemetry.log, false)?;
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    let listeners = Listeners::open(address, &home.control_socket_path()).await?;
    let address = listeners.address()?;
    let gateway = open(home, lock, settings).await?;
    let (done, stop) = oneshot::channel::<()>();
    let serving = tokio::spawn(gateway.clone().serve(listeners, async {
        // Sent or dropped, it is over.
        let _ = stop.await;
    }));
    // The Host header names what the gateway is configured to be.
    let target = Target::address(address).named(reachable(listen));
    let answer = match target.connect().await {
        Ok(stream) => http::post(stream, &target, &request).await,
        Err(error) => Err(error),
    };
    drop(done);
    serving.await.map_err(|error| CliError::new(Kind::Internal, error.to_string()))?;
    gateway.close().await;
    answer
}
