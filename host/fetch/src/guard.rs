//! The only way out of a client that connects on its own: a proxy for this process alone.
//!
//! It lets through what its [`Fetcher`] may reach, connects to the very address that it has checked, and passes on so
//! many bytes: wherever a registry sends its client, by a redirect or for a token, it comes through here.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::{Fetcher, Refusal};

const HEAD_BYTES: u64 = 8 << 10;

/// The proxy, as long as it lives.
pub(super) struct Guard {
    url: String,
    state: Arc<State>,
    listening: JoinHandle<()>,
}

struct State {
    fetcher: Fetcher,
    /// What our own client says of itself: others on this machine find the port, too.
    password: String,
    /// Bytes that may still come in.
    left: AtomicU64,
    refused: Mutex<Option<Refusal>>,
}

impl Guard {
    /// Begins to listen. So many bytes come through in all.
    pub(super) async fn listen(fetcher: Fetcher, bytes: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (port, word) = (listener.local_addr()?.port(), ulid::Ulid::new());
        let password = format!("Basic {}", STANDARD.encode(format!("openclaw:{word}")));
        let state = Arc::new(State { fetcher, password, left: AtomicU64::new(bytes), refused: Mutex::default() });
        let listening = tokio::spawn(listen(listener, state.clone()));
        Ok(Self { url: format!("http://openclaw:{word}@127.0.0.1:{port}"), state, listening })
    }

    /// As a client is told of it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What was refused, if anything was.
    pub(super) fn refused(&self) -> Option<Refusal> {
        self.state.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, state: Arc<State>) {
    let mut passing = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        passing.spawn(async move { state.serve(stream).await });
    }
}

impl State {
    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let left = HEAD_BYTES.saturating_sub(head.len() as u64);
            if (&mut stream).take(left).read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
        let known = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .any(|(name, value)| name.eq_ignore_ascii_case("proxy-authorization") && value == self.password);
        let (Some(target), true) = (target, known) else {
            return stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
        };
        match self.connect(target).await {
            Some(outside) => {
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                self.pass(stream, outside).await
            }
            None => stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await,
        }
    }

    async fn connect(&self, target: &str) -> Option<TcpStream> {
        let (host, port) = target.rsplit_once(':')?;
        let (resolver, reach) = (&self.fetcher.resolver, self.fetcher.reach());
        let connected = resolver.connect(host.trim_matches(['[', ']']), port.parse().ok()?, reach).await;
        if let Err(openclaw_egress::Refusal::PrivateAddress) = connected {
            self.refuse(Refusal::PrivateAddress(host.to_owned()));
        }
        connected.ok()
    }

    async fn pass(&self, inside: BufReader<TcpStream>, outside: TcpStream) -> io::Result<()> {
        let (mut from_inside, mut to_inside) = tokio::io::split(inside);
        let (mut from_outside, mut to_outside) = outside.into_split();
        let out = async {
            tokio::io::copy(&mut from_inside, &mut to_outside).await?;
            to_outside.shutdown().await
        };
        let back = async {
            let mut chunk = vec![0; 64 << 10];
            loop {
                let read = from_outside.read(&mut chunk).await?;
                if read == 0 {
                    return to_inside.shutdown().await;
                }
                let taken = self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(read as u64));
                if taken.is_err() {
                    self.refuse(Refusal::TooLarge);
                    return Err(io::ErrorKind::QuotaExceeded.into());
                }
                to_inside.write_all(&chunk[..read]).await?;
            }
        };
        tokio::try_join!(out, back).map(drop)
    }

    fn refuse(&self, refusal: Refusal) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(refusal);
    }
}
