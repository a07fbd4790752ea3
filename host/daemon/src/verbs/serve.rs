//! `openclaw serve`: the daemon, from the configuration to the last request.

mod signals;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use openclaw_config::GatewayConfig;
use openclaw_gateway::{Certificate, Gateway, Listeners, ServeError};
use openclaw_tenancy::{Holder, HolderKind, Home, HomeError, HomeLock};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::sync::oneshot;

use crate::cli::Global;
use crate::client;
use crate::error::{CliError, Kind};
use crate::logging::Logging;
use crate::output::Output;
use crate::port;
use crate::settings::{Settings, home_path};
use signals::{Signal, Signals};

/// How long a daemon is waited for that has it and does not listen: it stops, or starts.
const DAEMON_PATIENCE: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(20);

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw serve
  openclaw serve --listen 127.0.0.1:18790 --home ./state

SIGNALS:
  TERM, INT  let the calls that run end, for 30 seconds at most, then stop;
             a second INT stops at once
  HUP        take over a changed configuration, and open the log file anew";

/// Run the gateway.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Address and port to listen on, instead of gateway.listen.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Only check the flags, the configuration and that the address is free.
    #[arg(long)]
    check: bool,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "it takes an IP address and a port, 127.0.0.1:18789 for instance")
}

/// What a running daemon is made of.
struct Daemon {
    gateway: Arc<Gateway>,
    home: std::path::PathBuf,
    flags: Vec<(String, String)>,
    /// The configuration at the start.
    started_with: Value,
    logging: Logging,
}

/// What only a start reads.
const READ_AT_START: &[&str] = &[
    "gateway.listen",
    "gateway.tls",
    "gateway.limits.concurrent_per_tenant",
    "gateway.limits.queued_per_tenant",
    "gateway.limits.queue_wait_ms",
    "gateway.limits.connections",
    "gateway.limits.connections_per_address",
    "gateway.limits.send_seconds",
    "components.compile",
    "components.limits",
    "components.load",
    "components.validate_results",
    "secrets.key_file",
    "billing.timezone",
    "durability",
];

impl Serve {
    pub(crate) async fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let flags: Vec<(String, String)> =
            self.listen.into_iter().map(|at| ("gateway.listen".to_owned(), at.to_string())).collect();
        let path = home_path(global)?;
        let settings = Settings::load(&path, &flags)?;
        let config = &settings.loaded.config;
        let certificate = config.gateway.tls.as_ref().map(Certificate::read).transpose()?;
        if self.check {
            settings.check_files()?;
            settings.warnings().iter().for_each(|warning| output.warning(&warning.to_string()));
            let listen = config.gateway.listen;
            Listeners::check(listen).await.map_err(explain)?;
            let checked = json!({ "ok": true, "listen": listen.to_string() });
            return if output.json { output.document(&checked) } else { Ok(()) };
        }
        // From here on signals are ours: none may end the process half way.
        let mut signals = Signals::new()?;
        let home = Home::open(&path)?;
        let lock = take(&home, &mut signals, output).await?;
        let logging = Logging::start(&home.log_path(), &config.telemetry.log, true)?;
        warn_of(&settings);
        raise_open_files();
        let listen = config.gateway.listen;
        let started_with = document(config);
        // Before the components are loaded: a port that is taken shows at once.
        let listeners = Listeners::open(listen, &home.control_socket_path()).await.map_err(explain)?;
        let address = listeners.address()?;
        let gateway = client::open(home, lock, settings, output).await?;
        if let Some(certificate) = certificate {
            gateway.present(certificate);
        }
        announce(address, gateway.serves_tls(), output)?;
        let daemon = Daemon { gateway, home: path, flags, started_with, logging };
        daemon.serve(listeners, &mut signals).await?;
        daemon.gateway.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

impl Daemon {
    /// Serves until a signal says otherwise and what ran has ended.
    async fn serve(&self, listeners: Listeners, signals: &mut Signals) -> Result<(), CliError> {
        let (stop, stopped) = oneshot::channel::<()>();
        let mut stop = Some(stop);
        let serving = self.gateway.clone().serve(listeners, async {
            // Sent or dropped, it is over.
            let _ = stopped.await;
        });
        let mut serving = std::pin::pin!(serving);
        loop {
            let signal = tokio::select! {
                () = &mut serving => return Ok(()),
                signal = signals.next() => signal,
                () = self.gateway.config_written() => Signal::Reload,
            };
            match signal {
                Signal::Reload => self.reload().await,
                Signal::Terminate | Signal::Interrupt if stop.is_some() => {
                    tracing::info!("stopping: calls that run are ended first");
                    stop = None;
                }
                Signal::Interrupt => return Err(CliError::interrupted()),
                Signal::Terminate => {}
            }
        }
    }

    /// Takes over the configuration as it is now; one with errors changes nothing.
    async fn reload(&self) {
        let settings = Settings::load(&self.home, &self.flags);
        match settings.and_then(|settings| settings.check_files().map(|()| settings)) {
            Ok(settings) => {
                warn_of(&settings);
                let loaded = settings.loaded;
                for key in needs_restart(&self.started_with, &document(&loaded.config)) {
                    tracing::warn!(key, "this key was changed: it takes effect with the next start");
                }
                // Whether there is TLS at all is settled at the start; a certificate is renewed while it runs.
                let tls = loaded.config.gateway.tls.clone().filter(|_| self.gateway.serves_tls());
                let certificate = match tls.as_ref().map(Certificate::read).transpose() {
                    Ok(certificate) => certificate,
                    Err(error) => return tracing::error!(%error, "the configuration stays as it was"),
                };
                self.logging.reload(&loaded.config.telemetry.log);
                if let Err(error) = self.gateway.reload(loaded).await {
                    return tracing::error!(%error, "the configuration stays as it was");
                }
                if let Some(certificate) = certificate {
                    self.gateway.present(certificate);
                }
                tracing::info!("the configuration is reloaded");
            }
            Err(error) => tracing::error!(error = error.message, "the configuration stays as it was"),
        }
    }
}

/// Takes the directory. A daemon that serves it is told of at once; a command that has it is waited for, for a while.
async fn take(home: &Home, signals: &mut Signals, output: &Output) -> Result<HomeLock, CliError> {
    let since = Instant::now();
    let mut told = false;
    loop {
        let refused = match home.lock(HolderKind::Daemon) {
            Ok(lock) => return Ok(lock),
            Err(error) => error,
        };
        let HomeError::Held { holder, .. } = &refused else { return Err(refused.into()) };
        let of_command = holder.filter(|holder| holder.kind == Some(HolderKind::Command));
        let patience = if of_command.is_some() { client::COMMAND_PATIENCE } else { DAEMON_PATIENCE };
        let serves = of_command.is_none() && UnixStream::connect(home.control_socket_path()).await.is_ok();
        if serves || since.elapsed() >= patience {
            return Err(refused.into());
        }
        if let Some(Holder { pid, .. }) = of_command.filter(|_| !told) {
            output.note(&format!("waiting for the command that uses {} (pid {pid})", home.path().display()));
            told = true;
        }
        tokio::select! {
            signal = signals.next() => if signal != Signal::Reload { return Err(CliError::interrupted()) },
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

/// Settings that have no effect are told where the operator looks when something is amiss.
fn warn_of(settings: &Settings) {
    for warning in settings.warnings() {
        tracing::warn!(key = %warning.key, source = %warning.source_of, "{}", warning.message);
    }
}

/// Every tenant's open database is a file or three.
fn raise_open_files() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

fn document(config: &GatewayConfig) -> Value {
    serde_json::to_value(config).unwrap_or_default()
}

/// The keys of [`READ_AT_START`] that differ.
fn needs_restart(before: &Value, now: &Value) -> Vec<&'static str> {
    let differs = |key: &&str| {
        let pointer = format!("/{}", key.replace('.', "/"));
        before.pointer(&pointer) != now.pointer(&pointer)
    };
    READ_AT_START.iter().copied().filter(differs).collect()
}

fn explain(error: ServeError) -> CliError {
    let ServeError::Listen { address, error: cause } = &error else { return error.into() };
    match cause.kind() {
        io::ErrorKind::AddrInUse => {
            let holder = port::holder(*address).map(|process| format!(" by {} (pid {})", process.name, process.pid));
            CliError::new(Kind::Conflict, format!("{address} is in use{}", holder.unwrap_or_default()))
                .hint("stop what listens there, or choose another address with --listen")
        }
        io::ErrorKind::PermissionDenied => CliError::failed(format!("{address}: not allowed to listen on this port"))
            .hint("ports below 1024 need a privilege: choose another with --listen"),
        io::ErrorKind::AddrNotAvailable => CliError::failed(format!("{address} is no address of this machine"))
            .hint("--listen 127.0.0.1:18789 is reachable from here alone"),
        _ => error.into(),
    }
}

fn announce(address: SocketAddr, tls: bool, output: &Output) -> Result<(), CliError> {
    let url = format!("{}://{address}", if tls { "https" } else { "http" });
    tracing::info!(url, pid = std::process::id(), version = env!("CARGO_PKG_VERSION"), "listening");
    if output.json {
        return output.json_line(&json!({ "listening": url, "pid": std::process::id() }));
    }
    if output.quiet {
        return Ok(());
    }
    output.line(&format!("listening on {url}"))
}
