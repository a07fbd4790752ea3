//! `GET /terminal` upgraded: a terminal's own WebSocket.

use std::{
    collections::VecDeque,
    net::{SocketAddr, TcpStream},
};

use serde_json::{Value, json};
use tungstenite::{ClientRequestBuilder, Message, WebSocket, http::Uri, protocol::CloseFrame};

use crate::{Client, PATIENCE};

/// A connection to a terminal.
#[derive(Debug)]
pub struct Terminal {
    inner: WebSocket<TcpStream>,
    /// What came and was not asked for yet.
    shown: Vec<u8>,
    controls: VecDeque<Value>,
    closed: Option<Option<u16>>,
    /// Whether it says what it has read.
    acknowledges: bool,
}

impl Terminal {
    /// Connects with a token, as a browser does where `as_browser`; `query` stands behind the path.
    pub fn connect(
        address: SocketAddr,
        token: &str,
        as_browser: bool,
        query: &str,
    ) -> Result<Self, Box<tungstenite::Error>> {
        let uri: Uri = format!("ws://{address}/terminal{query}").parse().expect("a URI");
        let mut request = ClientRequestBuilder::new(uri);
        if as_browser {
            request = request
                .with_header("Origin", format!("http://{address}"))
                .with_sub_protocol("openclaw.terminal")
                .with_sub_protocol(format!("openclaw.bearer.{token}"));
        } else if !token.is_empty() {
            request = request.with_header("Authorization", format!("Bearer {token}"));
        }
        Self::handshake(address, request)
    }

    /// Makes any request for an upgrade.
    pub fn handshake(address: SocketAddr, request: ClientRequestBuilder) -> Result<Self, Box<tungstenite::Error>> {
        let stream = TcpStream::connect(address).map_err(|error| Box::new(error.into()))?;
        stream.set_nodelay(true).map_err(|error| Box::new(error.into()))?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(|error| Box::new(error.into()))?;
        match tungstenite::client(request, stream) {
            Ok((inner, _)) => {
                let (shown, controls) = (Vec::new(), VecDeque::new());
                Ok(Self { inner, shown, controls, closed: None, acknowledges: true })
            }
            Err(tungstenite::HandshakeError::Failure(error)) => Err(Box::new(error)),
            Err(tungstenite::HandshakeError::Interrupted(_)) => panic!("the handshake got no answer"),
        }
    }

    /// A connection that has no terminal yet.
    #[must_use]
    pub fn of(client: &Client) -> Self {
        Self::connect(client.address(), client.token(), true, "").unwrap_or_else(|error| panic!("{error}"))
    }

    /// Begins a terminal. Answers what is said of it too.
    #[must_use]
    pub fn spawn(client: &Client, params: Value) -> (Self, Value) {
        let mut terminal = Self::of(client);
        terminal.say(&json!({ "type": "spawn", "params": params }));
        let attached = terminal.control("attached");
        (terminal, attached)
    }

    /// Comes back to a terminal.
    #[must_use]
    pub fn attach(client: &Client, id: &str) -> (Self, Value) {
        let opened = Self::connect(client.address(), client.token(), true, &format!("?id={id}"));
        let mut terminal = opened.unwrap_or_else(|error| panic!("{error}"));
        let attached = terminal.control("attached");
        (terminal, attached)
    }

    /// From now on it does not say what it has read.
    pub fn acknowledge_nothing(&mut self) {
        self.acknowledges = false;
    }

    /// Sends a text frame.
    pub fn say(&mut self, control: &Value) {
        self.inner.send(Message::text(control.to_string())).expect("a frame is sent");
    }

    /// Types.
    pub fn write(&mut self, keys: impl AsRef<[u8]>) {
        assert!(self.try_write(keys), "a frame is sent");
    }

    /// Types; false where the gateway hangs up before it has all of it.
    pub fn try_write(&mut self, keys: impl AsRef<[u8]>) -> bool {
        self.inner.send(Message::binary(keys.as_ref().to_vec())).is_ok()
    }

    /// What is shown until this is among it.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        let mut from = 0;
        loop {
            let searched = self.shown.get(from..).unwrap_or_default();
            if let Some(at) = searched.windows(text.len()).position(|window| window == text.as_bytes()) {
                let rest = self.shown.split_off(from + at + text.len());
                return String::from_utf8_lossy(&std::mem::replace(&mut self.shown, rest)).into_owned();
            }
            from = self.shown.len().saturating_sub(text.len());
            let shown = || String::from_utf8_lossy(&self.shown).into_owned();
            assert!(self.closed.is_none(), "closed ({:?}) before {text:?}: {}", self.closed, shown());
            self.read();
        }
    }

    /// So many bytes as they are shown next.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.shown.len() < count {
            assert!(self.closed.is_none(), "closed ({:?}) before {count} bytes", self.closed);
            self.read();
        }
        let rest = self.shown.split_off(count);
        std::mem::replace(&mut self.shown, rest)
    }

    /// The next text frame of a kind; others are dropped.
    #[track_caller]
    pub fn control(&mut self, kind: &str) -> Value {
        loop {
            while let Some(control) = self.controls.pop_front() {
                if control["type"] == kind {
                    return control;
                }
            }
            assert!(self.closed.is_none(), "closed ({:?}) before {kind:?}", self.closed);
            self.read();
        }
    }

    /// Waits for the gateway to close, and answers its code.
    pub fn closed(&mut self) -> Option<u16> {
        loop {
            if let Some(code) = self.closed {
                return code;
            }
            self.read();
        }
    }

    fn read(&mut self) {
        match self.inner.read() {
            Ok(Message::Binary(bytes)) => {
                self.shown.extend_from_slice(&bytes);
                if self.acknowledges {
                    let read = json!({ "type": "ack", "bytes": bytes.len() });
                    // Whom the gateway has cut off learns that by what is read next.
                    let _ = self.inner.send(Message::text(read.to_string()));
                }
            }
            Ok(Message::Text(text)) => {
                let control = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                self.controls.push_back(control);
            }
            Ok(Message::Close(frame)) => {
                self.closed = Some(frame.map(|CloseFrame { code, .. }| code.into()));
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("nothing came")
            }
            Err(_) => self.closed = Some(None),
        }
    }
}
