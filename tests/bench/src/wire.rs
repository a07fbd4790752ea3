//! The little of HTTP/1.1 that a load generator needs: whole requests out,
//! responses with a Content-Length in, over connections that stay open.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

/// A JSON-RPC call as the bytes of one HTTP request.
pub(crate) fn request(address: SocketAddr, token: &str, body: &str) -> Vec<u8> {
    request_to("/rpc", address, token, body)
}

fn request_to(path: &str, address: SocketAddr, token: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One JSON-RPC request object.
pub(crate) fn call(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

/// How a response that has begun to arrive goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Where the body begins.
    pub(crate) body_at: usize,
    pub(crate) body_bytes: usize,
}

impl Head {
    /// None until the whole head is there.
    pub(crate) fn parse(received: &[u8]) -> Result<Option<Self>> {
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(&received[..end]).context("a response head that is not text")?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).context("no status line")?;
        let length =
            lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let body_bytes = match length {
            Some((_, value)) => value.trim().parse().context("a bad Content-Length")?,
            None if status == 204 => 0,
            None => bail!("a response without Content-Length: {head}"),
        };
        Ok(Some(Self { status, body_at: end + 4, body_bytes }))
    }

    pub(crate) fn end(self) -> usize {
        self.body_at + self.body_bytes
    }
}

/// Whether a reply is a result and no error.
pub(crate) fn is_result(head: Head, body: &[u8]) -> bool {
    let start = &body[..body.len().min(64)];
    head.status == 200 && start.windows(9).any(|nine| nine == b"\"result\":")
}

/// A blocking connection, for setting things up and for cold starts.
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self { stream, address })
    }

    /// Sends one body and returns the reply's.
    pub(crate) fn post(&mut self, token: &str, body: &str) -> Result<Vec<u8>> {
        self.post_to("/rpc", token, body)
    }

    pub(crate) fn post_to(&mut self, path: &str, token: &str, body: &str) -> Result<Vec<u8>> {
        let (head, body) = self.exchange(path, token, body)?;
        ensure!(head.status < 300, "status {}: {}", head.status, String::from_utf8_lossy(&body));
        Ok(body)
    }

    /// Sends one JSON-RPC call and returns its reply, an error's too.
    pub(crate) fn reply(&mut self, token: &str, body: &str) -> Result<serde_json::Value> {
        let (_, body) = self.exchange("/rpc", token, body)?;
        Ok(serde_json::from_slice(&body)?)
    }

    fn exchange(&mut self, path: &str, token: &str, body: &str) -> Result<(Head, Vec<u8>)> {
        self.stream.write_all(&request_to(path, self.address, token, body))?;
        let mut received = Vec::new();
        let mut chunk = [0; 16 << 10];
        loop {
            let count = self.stream.read(&mut chunk)?;
            ensure!(count > 0, "the server closed the connection");
            received.extend_from_slice(&chunk[..count]);
            if let Some(head) = Head::parse(&received)?
                && received.len() >= head.end()
            {
                let body = received.split_off(head.body_at);
                return Ok((head, body));
            }
        }
    }

    /// One call and its result.
    pub(crate) fn call(&mut self, token: &str, method: &str, params: &str) -> Result<serde_json::Value> {
        let reply = self.post(token, &call(method, params))?;
        let mut reply: serde_json::Value = serde_json::from_slice(&reply)?;
        ensure!(reply.get("result").is_some(), "{method} failed: {reply}");
        Ok(reply["result"].take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let response = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"result\":{}}";
        assert_eq!(Head::parse(&response[..20]).unwrap(), None);
        let head = Head::parse(response).unwrap().unwrap();
        assert_eq!((head.status, head.end()), (200, response.len()));
        assert!(is_result(head, &response[head.body_at..]));
    }

    #[test]
    fn an_error_reply_is_no_result() {
        let head = Head { status: 200, body_at: 0, body_bytes: 0 };
        assert!(!is_result(head, br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603}}"#));
        assert!(!is_result(Head { status: 429, ..head }, br#"{"jsonrpc":"2.0","id":1,"result":{}}"#));
    }
}
