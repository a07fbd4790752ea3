//! `GET /rpc` upgraded to a WebSocket.

use std::{
    collections::VecDeque,
    io::Read as _,
    net::{SocketAddr, TcpStream},
};

use serde_json::{Value, json};
use tungstenite::{
    Bytes, ClientRequestBuilder, Message, WebSocket,
    http::Uri,
    protocol::{
        CloseFrame,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use crate::{PATIENCE, RpcError, rpc};

/// A connection.
#[derive(Debug)]
pub struct Socket {
    inner: WebSocket<TcpStream>,
    events: VecDeque<Event>,
    last_id: u64,
}

/// What the gateway sent unasked.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name.
    pub event: String,
    /// Its place among the tenant's events.
    pub seq: u64,
    /// What it says.
    pub payload: Value,
}

/// What came in.
enum Incoming {
    Reply(Value),
    Closed(Option<u16>),
}

impl Socket {
    /// Connects with a token and more headers. The error is the handshake's.
    pub fn open(
        address: SocketAddr,
        token: &str,
        headers: &[(String, String)],
    ) -> Result<Self, Box<tungstenite::Error>> {
        let uri: Uri = format!("ws://{address}/rpc").parse().expect("a URI");
        let mut request = ClientRequestBuilder::new(uri);
        if !token.is_empty() {
            request = request.with_header("Authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.with_header(name, value);
        }
        Self::handshake(address, request)
    }

    /// Connects as a browser does, with the token among the subprotocols.
    pub fn open_as_browser(address: SocketAddr, token: &str) -> Result<Self, Box<tungstenite::Error>> {
        let uri: Uri = format!("ws://{address}/rpc").parse().expect("a URI");
        let request = ClientRequestBuilder::new(uri)
            .with_sub_protocol("openclaw.rpc")
            .with_sub_protocol(format!("openclaw.bearer.{token}"));
        Self::handshake(address, request)
    }

    fn handshake(address: SocketAddr, request: ClientRequestBuilder) -> Result<Self, Box<tungstenite::Error>> {
        let stream = TcpStream::connect(address).map_err(|error| Box::new(error.into()))?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(|error| Box::new(error.into()))?;
        match tungstenite::client(request, stream) {
            Ok((inner, _)) => Ok(Self { inner, events: VecDeque::new(), last_id: 0 }),
            Err(tungstenite::HandshakeError::Failure(error)) => Err(Box::new(error)),
            Err(tungstenite::HandshakeError::Interrupted(_)) => panic!("the handshake got no answer"),
        }
    }

    /// Sends text as it is.
    pub fn send(&mut self, text: impl Into<String>) {
        self.inner.send(Message::text(text.into())).expect("a frame is sent");
    }

    /// Sends text that the gateway may well refuse to read to its end.
    pub fn try_send(&mut self, text: impl Into<String>) {
        // A connection that is closed meanwhile is looked at by `closed`.
        let _ = self.inner.send(Message::text(text.into()));
    }

    /// Sends the beginning of a message whose end is still to come. Answers once the gateway has read it, or
    /// with the code that it closed with.
    pub fn begin(&mut self, text: impl Into<String>) -> Result<(), Option<u16>> {
        let fragment = Frame::message(text.into(), OpCode::Data(Data::Text), false);
        let sent = self.inner.send(Message::Frame(fragment));
        let pinged = sent.and_then(|()| self.inner.send(Message::Ping(Bytes::from_static(b"read?"))));
        // What was closed before all of it was sent has said why.
        let _ = pinged;
        loop {
            match self.inner.read() {
                Ok(Message::Pong(_)) => return Ok(()),
                Ok(Message::Close(frame)) => return Err(frame.map(|CloseFrame { code, .. }| code.into())),
                Ok(_) => {}
                Err(_) => return Err(None),
            }
        }
    }

    /// Calls a method.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value, RpcError> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(rpc::frame(id, method, &params).to_string());
        let reply = self.reply();
        assert_eq!(reply["id"], id, "{reply}");
        rpc::result_of(&reply)
    }

    /// Asks for events, those after `since` first.
    pub fn subscribe(&mut self, since: Option<u64>) {
        let params = since.map_or(json!({}), |since| json!({ "since": since }));
        self.call("events.subscribe", params).unwrap_or_else(|error| panic!("events.subscribe: {error}"));
    }

    /// The next reply; events that come before it are kept.
    pub fn reply(&mut self) -> Value {
        match self.incoming(true) {
            Incoming::Reply(reply) => reply,
            Incoming::Closed(code) => panic!("closed ({code:?}) instead of a reply"),
        }
    }

    /// The next event of any name.
    pub fn event(&mut self) -> Event {
        while self.events.is_empty() {
            if let Incoming::Closed(code) = self.incoming(false) {
                panic!("closed ({code:?}) instead of an event");
            }
        }
        self.events.pop_front().expect("there is one")
    }

    /// The next event of this name; others are dropped.
    pub fn event_named(&mut self, name: &str) -> Event {
        loop {
            let event = self.event();
            if event.event == name {
                return event;
            }
        }
    }

    /// Closes from this side (1000), and waits for the gateway's answer: its code.
    pub fn close(&mut self) -> Option<u16> {
        let frame = CloseFrame { code: 1000.into(), reason: "".into() };
        self.inner.close(Some(frame)).expect("a frame is sent");
        self.closed()
    }

    /// Waits for the gateway to close, and answers its code.
    pub fn closed(&mut self) -> Option<u16> {
        loop {
            if let Incoming::Closed(code) = self.incoming(true) {
                return code;
            }
        }
    }

    /// Reads until the gateway closes, and answers none of its pings. The code that it closed with.
    pub fn closed_unheard(&mut self) -> Option<u16> {
        let mut received = Vec::new();
        self.inner.get_mut().read_to_end(&mut received).expect("it is closed");
        // RFC 6455, 5.2: frames of a server are not masked, and control frames are short.
        let mut frames = received.as_slice();
        while let [opcode, length, rest @ ..] = frames {
            let (payload, next) = rest.split_at(usize::from(*length));
            if let (0x88, [high, low, ..]) = (*opcode, payload) {
                return Some(u16::from_be_bytes([*high, *low]));
            }
            frames = next;
        }
        None
    }

    /// Every event that came before the reply to a call of ours: a way to see that none came.
    pub fn events_so_far(&mut self) -> Vec<Event> {
        // Events and replies share one stream, so a reply is behind the events before it.
        self.call("health", json!({})).expect("health answers");
        self.events.drain(..).collect()
    }

    /// Reads until a reply or the end; or until an event, unless they are to be kept.
    fn incoming(&mut self, keep_events: bool) -> Incoming {
        loop {
            let text = match self.inner.read() {
                Ok(Message::Text(text)) => text,
                Ok(Message::Close(frame)) => return Incoming::Closed(frame.map(|CloseFrame { code, .. }| code.into())),
                Ok(_) => continue,
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("nothing came")
                }
                Err(_) => return Incoming::Closed(None),
            };
            let message: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            if message.get("method").is_none() {
                return Incoming::Reply(message);
            }
            assert_eq!(message["method"], "event", "{message}");
            assert!(message.get("id").is_none(), "a notification has no id: {message}");
            let params = &message["params"];
            self.events.push_back(Event {
                event: params["event"].as_str().unwrap_or_else(|| panic!("no event in {message}")).to_owned(),
                seq: params["seq"].as_u64().unwrap_or_else(|| panic!("no seq in {message}")),
                payload: params["payload"].clone(),
            });
            if !keep_events {
                return Incoming::Reply(Value::Null);
            }
        }
    }
}
