//! The way from a verb to the gateway.
//!
//! `--url` goes over HTTP with a token. Otherwise the state directory decides:
//! the daemon's control socket where one runs, else the gateway is opened in
//! this process under the directory's lock. The operator needs no token there;
//! whoever brings one is judged by it all the same.

mod http;
mod socket;
pub(crate) mod tls;

use std::env::VarError;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_config::{Secret, gateway::Models};
use openclaw_gateway::{Gateway, GatewaySettings, Identity, Listeners};
use openclaw_tenancy::{Holder, HolderKind, Home, HomeError, HomeLock};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::builtin;
use crate::cli::Global;
use crate::error::{CliError, Kind};
use crate::logging::Logging;
use crate::output::Output;
use crate::settings::{Settings, existing_home, home_path};
use http::{Answer, Stream, Target};
pub(crate) use socket::Socket;

/// How long a command that has the directory is waited for: the first one compiles the components.
pub(crate) const COMMAND_PATIENCE: Duration = Duration::from_secs(30);
/// How long a daemon is waited for that has it and does not listen yet.
const DAEMON_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// Methods that begin what goes on after their answer. It would end with this process, where no daemon runs.
const OUTLIVE_THEIR_CALL: [&str; 4] = ["chat.send", "sessions.send", "terminal.open", "terminal.spawn"];

/// The variable that holds a token.
const TOKEN: &str = "OPENCLAW_TOKEN";

/// Calls methods for one verb.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    global: &'a Global,
    caller: Caller,
    /// A state directory that is not there is made.
    makes_home: bool,
}

/// Who calls.
#[derive(Debug)]
pub(crate) enum Caller {
    /// Over the control socket, or in this process.
    Operator,
    /// Whoever the token of the environment belongs to; the operator, where there is none.
    OfEnvironment,
    /// Whoever this token belongs to.
    Token(Secret),
}

/// One request, however it travels.
#[derive(Debug)]
struct Request<'a> {
    method: &'a str,
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
    pub(crate) fn new(global: &'a Global, caller: Caller) -> Self {
        Self { global, caller, makes_home: false }
    }

    /// For a verb that is meant to begin a state directory.
    pub(crate) fn making_home(self) -> Self {
        Self { makes_home: true, ..self }
    }

    /// Calls a method and answers its result; `acting_for` names the tenant whose call it is.
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
        let token = self.caller.token()?;
        let request = Request { method, body, upload, acting_for, token: token.as_ref() };
        let answer = match url(self.global) {
            Some(url) => remote(url, request).await?,
            None => self.at_home(request).await?,
        };
        answer.result().map_err(|error| self.explain(error, token.is_some()))
    }

    /// Opens a WebSocket, by one of our subprotocols.
    pub(crate) async fn socket(
        &self,
        path: &str,
        protocol: &'static str,
        acting_for: Option<&str>,
    ) -> Result<Socket, CliError> {
        let token = self.caller.token()?;
        let (target, stream, hosted) = self.connect(token.as_ref()).await?;
        let asked = socket::Asked { path, protocol, acting_for, token: token.as_ref() };
        match socket::upgrade(stream, &target, &asked).await {
            Ok(stream) => Ok(Socket { stream, hosted }),
            Err(error) => {
                if let Some(hosted) = hosted {
                    hosted.close().await?;
                }
                Err(self.explain(error, token.is_some()))
            }
        }
    }

    /// Connects to the gateway, which is opened in this process where no daemon runs.
    async fn connect(&self, token: Option<&Secret>) -> Result<(Target, Box<dyn Stream>, Option<Hosted>), CliError> {
        if let Some(url) = url(self.global) {
            let target = remote_target(url, token)?;
            let stream = target.connect().await?;
            return Ok((target, stream, None));
        }
        let home = Home::open(&existing_home(self.global)?)?;
        match reach(&home).await? {
            Access::Daemon(stream) => Ok((Target::socket(), Box::new(stream), None)),
            Access::Own(lock) => {
                let settings = settings_of_one_call(&home)?;
                let (hosted, stream) = Hosted::open(home, lock, settings, &Output::new(self.global)).await?;
                Ok((Target::socket(), Box::new(stream), Some(hosted)))
            }
        }
    }

    /// A token that is a tenant's is easily left in the environment by one who means to be the operator.
    fn explain(&self, error: CliError, by_token: bool) -> CliError {
        if by_token && matches!(self.caller, Caller::OfEnvironment) && error.is_operators_alone() {
            return error.hint(format!(
                "{TOKEN} holds a tenant's token: without it (`unset {TOKEN}`) you are the operator on this machine"
            ));
        }
        error
    }

    async fn at_home(&self, request: Request<'_>) -> Result<Answer, CliError> {
        let path = if self.makes_home { home_path(self.global)? } else { existing_home(self.global)? };
        let home = Home::open(&path)?;
        match reach(&home).await? {
            Access::Daemon(stream) => http::post(stream, &Target::socket(), &request).await,
            Access::Own(_) if OUTLIVE_THEIR_CALL.contains(&request.method) => Err(no_daemon(request.method)),
            Access::Own(lock) => {
                let settings = settings_for(request.method, &home)?;
                let output = Output::new(self.global);
                match request.token {
                    None => in_process(open(home, lock, settings, &output).await?, request).await,
                    Some(_) => by_token(Hosted::open(home, lock, settings, &output).await?, request).await,
                }
            }
        }
    }
}

/// `--url` or its variable; an empty one is none.
pub(crate) fn url(global: &Global) -> Option<&str> {
    global.url.as_deref().filter(|url| !url.is_empty())
}

impl Caller {
    fn token(&self) -> Result<Option<Secret>, CliError> {
        match self {
            Self::Operator => Ok(None),
            Self::OfEnvironment => token_of_environment(),
            Self::Token(token) => Ok(Some(token.clone())),
        }
    }
}

/// The token in `OPENCLAW_TOKEN`. One that got lost on its way there must not make its bearer the operator.
fn token_of_environment() -> Result<Option<Secret>, CliError> {
    let token = match std::env::var(TOKEN) {
        Ok(token) => Secret::new(token.trim()),
        Err(VarError::NotPresent) => return Ok(None),
        Err(VarError::NotUnicode(_)) => return Err(CliError::usage(format!("{TOKEN} holds no token"))),
    };
    if token.is_blank() {
        return Err(CliError::usage(format!("{TOKEN} is empty: unset it or give it a token")));
    }
    Ok(Some(token))
}

async fn remote(url: &str, request: Request<'_>) -> Result<Answer, CliError> {
    let target = remote_target(url, request.token)?;
    http::post(target.connect().await?, &target, &request).await
}

fn remote_target(url: &str, token: Option<&Secret>) -> Result<Target, CliError> {
    if token.is_none() {
        return Err(CliError::new(Kind::Authentication, format!("a call to {url} needs a token"))
            .hint(format!("put it into the environment as {TOKEN}")));
    }
    Target::parse(url)
}

/// Connects to the daemon or takes its place. A socket that nobody answers was left by a daemon
/// that was killed, or is that of one that has just begun.
async fn reach(home: &Home) -> Result<Access, CliError> {
    let since = Instant::now();
    loop {
        match UnixStream::connect(home.control_socket_path()).await {
            Ok(stream) => return Ok(Access::Daemon(stream)),
            Err(error) if nobody_there(&error) => {}
            Err(error) => {
                return Err(CliError::new(Kind::Unreachable, format!("the daemon's control socket: {error}")));
            }
        }
        match home.lock(HolderKind::Command) {
            Ok(lock) => return Ok(Access::Own(lock)),
            Err(HomeError::Held { holder, .. }) if since.elapsed() < patience(holder) => {
                tokio::time::sleep(LOCK_RETRY).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn patience(holder: Option<Holder>) -> Duration {
    let is_command = holder.is_some_and(|holder| holder.kind == Some(HolderKind::Command));
    if is_command { COMMAND_PATIENCE } else { DAEMON_PATIENCE }
}

fn no_daemon(method: &str) -> CliError {
    let why = format!("{method} goes on after its answer, and no daemon runs on this directory");
    CliError::new(Kind::Unreachable, why).hint("`openclaw serve` first")
}

/// `InvalidInput`: a path too long for a socket, so that no daemon can have made one.
pub(crate) fn nobody_there(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput)
}

/// Opens the gateway of a directory that is ours.
pub(crate) async fn open(
    home: Home,
    lock: HomeLock,
    settings: Settings,
    output: &Output,
) -> Result<Arc<Gateway>, CliError> {
    let Settings { loaded, overrides } = settings;
    if nothing_is_compiled(&home) {
        output.progress("compiling the built-in components, which takes a few seconds the first time");
    }
    let builtin = builtin::COMPONENTS.to_vec();
    // This very file, even when another release has taken its place on the disk.
    let compiler = Some("/proc/self/exe".into());
    Ok(Gateway::open(GatewaySettings { home, lock, loaded, overrides, builtin, costs: None, compiler }).await?)
}

/// Before the first start.
#[allow(clippy::disallowed_methods, reason = "the gateway's own files")]
fn nothing_is_compiled(home: &Home) -> bool {
    !fs::read_dir(home.cache_path()).is_ok_and(|mut entries| entries.next().is_some())
}

/// Reports of the ledger need no models: they are to be had beside a provider's file that is of no use.
fn settings_for(method: &str, home: &Home) -> Result<Settings, CliError> {
    let mut settings = settings_of_one_call(home)?;
    if method.starts_with("billing.") {
        settings.loaded.config.models = Models::default();
    }
    Ok(settings)
}

/// One call is not worth a collector's time, nor its time ours.
fn settings_of_one_call(home: &Home) -> Result<Settings, CliError> {
    let mut settings = Settings::load(home.path(), &[])?;
    settings.loaded.config.telemetry.otlp = None;
    Logging::start(&home.log_path(), &settings.loaded.config.telemetry.log, false)?;
    Ok(settings)
}

async fn in_process(gateway: Arc<Gateway>, request: Request<'_>) -> Result<Answer, CliError> {
    let identity = Identity::operator(request.acting_for.map(str::to_owned));
    let id = ulid::Ulid::new().to_string().into();
    if let Some(upload) = request.upload {
        gateway.stage_bytes(request.acting_for, upload.to_vec()).await.map_err(CliError::failed)?;
    }
    let reply = gateway.rpc(&identity, &request.body, &id).await;
    gateway.close().await;
    Ok(Answer { status: reply.status.as_u16(), body: reply.body.unwrap_or_default().into_bytes() })
}

/// A token is judged where tokens are judged: at the gateway's door, here one that only the operator can open.
async fn by_token((hosted, stream): (Hosted, UnixStream), request: Request<'_>) -> Result<Answer, CliError> {
    let answer = http::post(stream, &Target::socket(), &request).await;
    hosted.close().await?;
    answer
}

/// The gateway of a directory that nobody else serves, behind its control socket.
pub(crate) struct Hosted {
    gateway: Arc<Gateway>,
    done: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Hosted {
    /// Opens it, and a connection to it.
    async fn open(
        home: Home,
        lock: HomeLock,
        settings: Settings,
        output: &Output,
    ) -> Result<(Self, UnixStream), CliError> {
        let control = home.control_socket_path();
        let listeners = Listeners::open(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), &control).await?;
        let gateway = open(home, lock, settings, output).await?;
        let (done, stop) = oneshot::channel::<()>();
        let serving = tokio::spawn(gateway.clone().serve(listeners, async {
            // Sent or dropped, it is over.
            let _ = stop.await;
        }));
        let hosted = Self { gateway, done, serving };
        match UnixStream::connect(control).await {
            Ok(stream) => Ok((hosted, stream)),
            Err(error) => {
                hosted.close().await?;
                Err(CliError::new(Kind::Unreachable, format!("the control socket: {error}")))
            }
        }
    }

    pub(crate) async fn close(self) -> Result<(), CliError> {
        drop(self.done);
        self.serving.await.map_err(|error| CliError::new(Kind::Internal, error.to_string()))?;
        self.gateway.close().await;
        Ok(())
    }
}
