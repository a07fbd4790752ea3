//! Listening: TCP for everyone, a Unix socket for the operator's command line,
//! and the orderly end of both.

use std::{
    convert::Infallible,
    fs,
    future::ready,
    io,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{Extension, Router};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::mpsc,
};
use tokio_io_timeout::TimeoutStream;

use crate::{
    Gateway,
    connections::{Connections, Place},
    crowd::Lane,
    http::{self, Peer},
};

/// How long a client may take to send a request's head.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long calls that run may go on once the gateway is going down.
const DRAIN_TIME: Duration = Duration::from_secs(30);

/// Why the gateway cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port is taken, or the address is not ours.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The command line's socket.
    #[error("cannot open the control socket {path}: {error}")]
    ControlSocket {
        /// Where.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// Both listeners, open.
#[derive(Debug)]
pub struct Listeners {
    tcp: TcpListener,
    control: UnixListener,
    control_path: PathBuf,
}

impl Listeners {
    /// Opens both. The caller holds the home's lock, so an old socket file is nobody's.
    #[allow(clippy::disallowed_methods, reason = "the gateway's own socket, in its own directory")]
    pub async fn open(address: SocketAddr, control: &Path) -> Result<Self, ServeError> {
        let tcp = TcpListener::bind(address).await.map_err(|error| ServeError::Listen { address, error })?;
        let failed = |error| ServeError::ControlSocket { path: control.to_owned(), error };
        match fs::remove_file(control) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        // The directory is 0700, so nobody else reaches the socket between these two.
        let unix = UnixListener::bind(control).map_err(failed)?;
        fs::set_permissions(control, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self { tcp, control: unix, control_path: control.to_owned() })
    }

    /// Whether the address can be listened on, without keeping it.
    pub async fn check(address: SocketAddr) -> Result<(), ServeError> {
        TcpListener::bind(address).await.map(drop).map_err(|error| ServeError::Listen { address, error })
    }

    /// The address that was bound, where port 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

impl Gateway {
    /// Serves until `stop`, then lets what runs come to its end.
    #[allow(clippy::disallowed_methods, reason = "the gateway's own socket, in its own directory")]
    pub async fn serve(self: Arc<Self>, listeners: Listeners, stop: impl Future<Output = ()>) {
        let limits = self.config().gateway.limits.clone();
        let (live, mut sockets) = mpsc::channel(1);
        let mut door = Door {
            gateway: self.clone(),
            app: http::router(self.clone()),
            connections: Connections::new(limits.connections as usize, limits.connections_per_address as usize),
            send_time: Duration::from_secs(limits.send_seconds),
            live: Some(live),
        };
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = door.accept(&listeners, Some(&graceful)) => {}
                () = &mut stop => break,
            }
        }
        self.drain();
        door.live = None;
        // Whoever asks meanwhile whether the gateway is ready is told that it is not.
        let drained = async {
            graceful.shutdown().await;
            // A WebSocket's connection is none of HTTP any more.
            let None = sockets.recv().await;
        };
        let mut ended = std::pin::pin!(tokio::time::timeout(DRAIN_TIME, drained));
        let ended = loop {
            tokio::select! {
                () = door.accept(&listeners, None) => {}
                ended = &mut ended => break ended,
            }
        };
        drop((listeners.tcp, listeners.control));
        if ended.is_err() {
            tracing::warn!("some connections did not end in time and are cut off");
        }
        let _ = fs::remove_file(listeners.control_path);
    }
}

/// What connections come in by.
struct Door {
    gateway: Arc<Gateway>,
    app: Router,
    connections: Arc<Connections>,
    send_time: Duration,
    /// Cloned for each connection that the shutdown waits for.
    live: Option<mpsc::Sender<Infallible>>,
}

/// What a connection holds until it ends, whatever it has become.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) lane: Arc<Lane>,
    _place: Option<Arc<Place>>,
    _live: Option<mpsc::Sender<Infallible>>,
}

impl Door {
    /// Takes the next connection. The shutdown waits for those that it is given, and for no other.
    async fn accept(&self, listeners: &Listeners, graceful: Option<&GracefulShutdown>) {
        tokio::select! {
            accepted = listeners.tcp.accept() => match accepted {
                Ok((stream, peer)) => {
                    let Some(place) = self.connections.enter(peer.ip()) else { return };
                    // Replies are small and whole.
                    let _ = stream.set_nodelay(true);
                    let peer = Peer::Remote(peer);
                    match self.gateway.certificate() {
                        Some(certificate) => self.serve(graceful, certificate.accept(stream), peer, Some(place)),
                        None => self.serve(graceful, ready(Ok(stream)), peer, Some(place)),
                    }
                }
                Err(error) => accept_failed(&error).await,
            },
            accepted = listeners.control.accept() => match accepted {
                Ok((stream, _)) => self.serve(graceful, ready(Ok(stream)), Peer::Control, None),
                Err(error) => accept_failed(&error).await,
            },
        }
    }

    /// Serves a connection, once it is one, in a task of its own.
    fn serve<S>(
        &self,
        graceful: Option<&GracefulShutdown>,
        opening: impl Future<Output = io::Result<S>> + Send + 'static,
        peer: Peer,
        place: Option<Place>,
    ) where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let held = Held { lane: Arc::default(), _place: place.map(Arc::new), _live: graceful.and(self.live.clone()) };
        let service = TowerToHyperService::new(self.app.clone().layer(Extension(peer)).layer(Extension(held.clone())));
        let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).keep_alive(graceful.is_some());
        let (watcher, send_time) = (graceful.map(GracefulShutdown::watcher), self.send_time);
        let lane = held.lane.clone();
        let connection = async move {
            let _held = held;
            let stream = match opening.await {
                Ok(stream) => stream,
                Err(error) => return tracing::debug!(?peer, %error, "a connection was not opened"),
            };
            // A reply that nobody reads holds memory and a descriptor.
            let mut stream = TimeoutStream::new(stream);
            stream.set_write_timeout(Some(send_time));
            let connection =
                builder.serve_connection_with_upgrades(TokioIo::new(Box::pin(stream)), service).into_owned();
            let served = match watcher {
                Some(watcher) => watcher.watch(connection).await,
                None => connection.await,
            };
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended badly");
            }
        };
        self.gateway.crowd.serve(lane, Box::pin(connection));
    }
}

/// Out of descriptors, most likely: others must close first.
async fn accept_failed(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(50)).await;
}
