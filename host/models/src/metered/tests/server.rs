//! A provider on this machine, which sends what a test says, when it says so.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What the server does next.
#[derive(Clone)]
pub(super) enum Step {
    Send(String),
    /// Waits for the test.
    Await(Arc<Semaphore>),
    /// Sends nothing more and keeps the connection.
    Hang,
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) head: String,
    pub(super) body: Value,
}

pub(super) struct Server {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Answers each request by these steps, then closes.
    pub(super) async fn start(answer: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (received, answer) = (Arc::<Mutex<Vec<Received>>>::default(), Arc::new(answer));
        let kept = received.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (kept, answer) = (kept.clone(), answer.clone());
                tokio::spawn(async move {
                    let Some(request) = read(&mut stream).await else { return };
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
                    serve(&mut stream, answer(&request)).await;
                });
            }
        });
        Self { address, received }
    }

    /// Answers every request with one body.
    pub(super) async fn with(status: &'static str, kind: &'static str, body: &str) -> Self {
        let response = response(status, kind, body);
        Self::start(move |_| vec![Step::Send(response.clone())]).await
    }

    /// Streams these events, then closes.
    pub(super) async fn streaming(events: &[&str]) -> Self {
        let steps = stream(events);
        Self::start(move |_| steps.clone()).await
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) fn response(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// The head of a stream, and its events.
pub(super) fn stream(events: &[&str]) -> Vec<Step> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    let sent = events.iter().map(|event| Step::Send(format!("{event}\n\n")));
    std::iter::once(Step::Send(head.to_owned())).chain(sent).collect()
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    while bytes.len() < end + 4 + length.unwrap_or(0) {
        stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
    }
    let body = openclaw_config::json::read(&bytes[end + 4..], 64).ok()?;
    Some(Received { head, body })
}

async fn serve(stream: &mut TcpStream, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Send(text) => {
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Step::Await(gate) => gate.acquire().await.expect("an open gate").forget(),
            Step::Hang => std::future::pending().await,
        }
    }
    let _ = stream.shutdown().await;
}
