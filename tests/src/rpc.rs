//! JSON-RPC over `POST /rpc`.

use std::{fmt, net::SocketAddr, ops::Deref};

use serde_json::{Value, json};

use crate::{Request, Response, Socket};

/// Somebody with a token.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    token: String,
    headers: Vec<(String, String)>,
}

/// A tenant's own client.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its id.
    pub id: String,
    client: Client,
}

/// The `error` of a reply.
#[derive(Clone, Debug, PartialEq)]
pub struct RpcError {
    /// JSON-RPC's number.
    pub code: i64,
    /// One sentence.
    pub message: String,
    /// `code` in words, `requestId`, and what else there is.
    pub data: Value,
}

impl RpcError {
    /// `data.code`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.data["code"].as_str().unwrap_or_default()
    }

    fn of(error: &Value) -> Self {
        Self {
            code: error["code"].as_i64().unwrap_or_else(|| panic!("no code in {error}")),
            message: error["message"].as_str().unwrap_or_else(|| panic!("no message in {error}")).to_owned(),
            data: error["data"].clone(),
        }
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.code, self.message, self.data)
    }
}

impl Deref for Tenant {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Tenant {
    /// A tenant and its client.
    #[must_use]
    pub fn new(id: String, client: Client) -> Self {
        Self { id, client }
    }
}

impl Client {
    /// Somebody with this token.
    #[must_use]
    pub fn new(address: SocketAddr, token: &str) -> Self {
        Self { address, token: token.to_owned(), headers: Vec::new() }
    }

    /// The same with one more header on every request.
    #[must_use]
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    /// The same with these scopes only, comma-separated.
    #[must_use]
    pub fn with_scopes(&self, scopes: &str) -> Self {
        self.with_header("X-OpenClaw-Scopes", scopes)
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The gateway.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A `POST /rpc` of these bytes as this client sends it.
    #[must_use]
    pub fn request(&self, body: impl Into<Vec<u8>>) -> Request {
        let request = Request::rpc(body).token(&self.token);
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// Posts these bytes.
    #[must_use]
    pub fn post(&self, body: impl Into<Vec<u8>>) -> Response {
        let body = body.into();
        let start = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        self.request(body).send(self.address).unwrap_or_else(|error| panic!("{start}: {error}"))
    }

    /// Posts this document and reads the reply's.
    #[must_use]
    pub fn post_json(&self, body: &Value) -> Value {
        self.post(body.to_string()).json()
    }

    /// Calls a method; the HTTP response is looked at no further.
    pub fn call(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        result_of(&self.respond(method, &params).json())
    }

    /// The whole response to a call.
    #[must_use]
    pub fn respond(&self, method: &str, params: &Value) -> Response {
        self.post(frame(1, method, params).to_string())
    }

    /// The result of a call that must succeed.
    #[track_caller]
    #[must_use]
    pub fn ok(&self, method: &str, params: Value) -> Value {
        self.call(method, params.clone()).unwrap_or_else(|error| panic!("{method} {params}: {error}"))
    }

    /// Makes a call that must succeed.
    #[track_caller]
    pub fn done(&self, method: &str, params: Value) {
        let _ = self.ok(method, params);
    }

    /// The error of a call that must fail.
    #[track_caller]
    #[must_use]
    pub fn err(&self, method: &str, params: Value) -> RpcError {
        match self.call(method, params.clone()) {
            Ok(result) => panic!("{method} {params} answered {result}"),
            Err(error) => error,
        }
    }

    /// `GET /rpc` upgraded.
    #[must_use]
    pub fn socket(&self) -> Socket {
        Socket::open(self.address, &self.token, &self.headers).unwrap_or_else(|error| panic!("no WebSocket: {error}"))
    }
}

/// A request frame.
#[must_use]
pub fn frame(id: u64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// The result or error of a reply, which must be a well-formed one.
pub fn result_of(reply: &Value) -> Result<Value, RpcError> {
    assert_eq!(reply["jsonrpc"], "2.0", "{reply}");
    match (reply.get("result"), reply.get("error")) {
        (Some(result), None) => Ok(result.clone()),
        (None, Some(error)) => Err(RpcError::of(error)),
        _ => panic!("a reply has a result or an error: {reply}"),
    }
}
