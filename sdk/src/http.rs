//! Requests to hosts elsewhere, each granted by its name: `http:<host>[:<port>]`.
//!
//! ```
//! # use openclaw_sdk::{Call, Result, http::Request};
//! # fn lookup(call: &Call) -> Result<()> {
//! let request = Request::get("https://api.example.com/v1/rates").with_header("accept", "application/json");
//! let answer = call.http()?.send(&request)?;
//! # Ok(())
//! # }
//! ```

#[cfg(target_arch = "wasm32")]
mod wasi;
#[cfg(target_arch = "wasm32")]
use wasi as raw;

#[cfg(not(target_arch = "wasm32"))]
use crate::bindings::http as raw;

use crate::{Call, Result};

/// Hosts elsewhere, as far as they are granted.
pub struct Http(raw::Client);

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// `https://` or `http://`, with the host that is granted.
    pub url: String,
    /// `host` and what belongs to the connection is the gateway's to write, and refused here.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What came back; a redirect is an answer like any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Call {
    /// Opens the way to hosts elsewhere.
    ///
    /// # Errors
    /// None in a component, where each request is decided on its own; in a test FORBIDDEN, where no host is played.
    pub fn http(&self) -> Result<Http> {
        raw::open(self).map(Http)
    }
}

impl Request {
    /// `GET`, without headers.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: "GET".to_owned(), url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// `POST`, without headers.
    #[must_use]
    pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { method: "POST".to_owned(), body: body.into(), ..Self::get(url) }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Response {
    /// The first header of a name, where it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }
}

impl Http {
    /// Sends a request and waits for the whole answer. Nothing is followed: what a redirect names is another request.
    ///
    /// # Errors
    /// FORBIDDEN (a host that is not granted, or that leads to a private address), INVALID_REQUEST (the URL, a
    /// header), UNAVAILABLE (no answer, not in time, or one that is too large).
    pub fn send(&self, request: &Request) -> Result<Response> {
        self.0.send(request)
    }
}
