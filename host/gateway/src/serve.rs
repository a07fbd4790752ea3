//! Listening: TCP for everyone, a Unix socket for the operator's command line,
//! and the orderly end of both.

use std::{
    fs, io,
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
};

use crate::{
    Gateway,
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

    /// The address that was bound, where port 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

impl Gateway {
    /// Serves until `stop`, then lets what runs come to its end.
    #[allow(clippy::disallowed_methods, reason = "the gateway's own socket, in its own directory")]
    pub async fn serve(self: Arc<Self>, listeners: Listeners, stop: impl Future<Output = ()>) {
        let app = http::router(self.clone());
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                accepted = listeners.tcp.accept() => match accepted {
                    Ok((stream, peer)) => {
                        // Replies are small and whole.
                        let _ = stream.set_nodelay(true);
                        connection(&app, &graceful, stream, Peer::Remote(peer));
                    }
                    Err(error) => accept_failed(&error).await,
                },
                accepted = listeners.control.accept() => match accepted {
                    Ok((stream, _)) => connection(&app, &graceful, stream, Peer::Control),
                    Err(error) => accept_failed(&error).await,
                },
                () = &mut stop => break,
            }
        }
        self.drain();
        drop((listeners.tcp, listeners.control));
        if tokio::time::timeout(DRAIN_TIME, graceful.shutdown()).await.is_err() {
            tracing::warn!("some connections did not end in time and are cut off");
        }
        let _ = fs::remove_file(listeners.control_path);
    }
}

/// Out of descriptors, most likely: others must close first.
async fn accept_failed(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

fn connection<S>(app: &Router, graceful: &GracefulShutdown, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(app.clone().layer(Extension(peer)));
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection ended badly");
        }
    });
}
