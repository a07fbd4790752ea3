//! A model server on this machine: it answers as the public interface documents, in pieces that a test lets go.

use std::{
    io::{BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
};

use openclaw_tests::server::{self, Received};
use serde_json::Value;

/// What is sent in answer to a request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(String),
    /// Waits for the next [`Upstream::go`].
    Wait,
}

/// The server; it serves until the test ends.
pub(crate) struct Upstream {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Value>>>,
    go: Sender<()>,
}

impl Upstream {
    /// Answers every request by these steps, then closes the connection.
    pub(crate) fn start(steps: Vec<Step>) -> Self {
        Self::answering(move |_| steps.clone())
    }

    /// Answers each request by the steps that it is given, then closes the connection.
    pub(crate) fn answering(steps: impl Fn(&Value) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let received = Arc::<Mutex<Vec<Value>>>::default();
        let (go, waiting) = channel();
        let (kept, waiting) = (received.clone(), Mutex::new(waiting));
        let address = server::listen(move |stream| serve(stream, &kept, &steps, &waiting));
        Self { address, received, go }
    }

    /// Answers every request with this body.
    pub(crate) fn whole(status: &str, body: &str) -> Self {
        Self::start(whole(status, body))
    }

    /// Streams these events; a `None` waits for [`Self::go`].
    pub(crate) fn streaming(events: &[Option<&str>]) -> Self {
        Self::start(streamed(events))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bodies that came so far.
    pub(crate) fn received(&self) -> Vec<Value> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets one waiting answer go on.
    pub(crate) fn go(&self) {
        self.go.send(()).expect("the server is there");
    }
}

/// A stream of these events; a `None` waits.
pub(crate) fn streamed(events: &[Option<&str>]) -> Vec<Step> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n".to_owned();
    let events = events.iter().map(|event| match event {
        Some(data) => Step::Send(format!("data: {data}\n\n")),
        None => Step::Wait,
    });
    std::iter::once(Step::Send(head)).chain(events).collect()
}

/// A whole answer.
pub(crate) fn whole(status: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    vec![Step::Send(format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))]
}

fn serve(
    stream: TcpStream,
    received: &Mutex<Vec<Value>>,
    steps: impl Fn(&Value) -> Vec<Step>,
    waiting: &Mutex<Receiver<()>>,
) {
    let mut reader = BufReader::new(stream);
    let Some(Received { body, .. }) = Received::read(&mut reader) else { return };
    let body = serde_json::from_slice(&body).expect("the gateway sends JSON");
    let steps = steps(&body);
    received.lock().unwrap_or_else(PoisonError::into_inner).push(body);
    let mut stream = reader.into_inner();
    for step in steps {
        match step {
            Step::Send(text) => {
                if stream.write_all(text.as_bytes()).is_err() {
                    return;
                }
            }
            Step::Wait => {
                if waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().is_err() {
                    return;
                }
            }
        }
    }
}
