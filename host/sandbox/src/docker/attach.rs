//! A container's streams, as the engine hands them over: one connection for all of them.
//!
//! Not by the client library: it reads a terminal's output as frames when it begins so, and would wait for as many
//! bytes as such a frame claims.

use std::io;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use http_body_util::Empty;
use hyper::header::{CONNECTION, HOST, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, ReadHalf, WriteHalf};
use tokio::net::UnixStream;

use super::Refused;
use crate::supervise::Sink;
use crate::{Error, Output};

pub(super) struct Attached {
    pub(super) reader: ReadHalf<TokioIo<Upgraded>>,
    pub(super) writer: WriteHalf<TokioIo<Upgraded>>,
}

/// Before the container starts, so that nothing is missed.
pub(super) async fn attach(socket: &Path, container: &str) -> Result<Attached, Error> {
    let connect = async {
        let stream = UnixStream::connect(socket).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection.with_upgrades());
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1"))
            .header(HOST, "docker")
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "tcp")
            .body(Empty::<Bytes>::new())
            .map_err(io::Error::other)?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(io::Error::other(format!("the engine answers {}", response.status())));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(io::Error::other)?;
        let (reader, writer) = tokio::io::split(TokioIo::new(upgraded));
        Ok(Attached { reader, writer })
    };
    connect.await.map_err(Error::io("the container's streams"))
}

/// What the shim writes first, where it could not start the command.
const FAILED: &[u8] = b"openclaw-shim: ";

/// Frames: the stream's number, three zeros, the length (big endian, 4 bytes), and so many bytes, which are passed on
/// as they come.
pub(super) async fn demultiplex(mut reader: impl AsyncRead + Unpin, sink: Sink, refused: Refused) {
    const PIECE: usize = 16 << 10;
    let (mut stdout, mut stderr) = (sink.meter(Output::Stdout), sink.meter(Output::Stderr));
    let mut header = [0; 8];
    while reader.read_exact(&mut header).await.is_ok() {
        let [stream, .., a, b, c, d] = header;
        let mut left = u32::from_be_bytes([a, b, c, d]) as usize;
        while left > 0 {
            let mut piece = BytesMut::zeroed(left.min(PIECE));
            match reader.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(length) => {
                    piece.truncate(length);
                    left -= length;
                }
            }
            let piece = piece.freeze();
            if stream == 2
                && let Some(failure) = piece.strip_prefix(FAILED)
            {
                let _ = refused.set(String::from_utf8_lossy(failure).trim_end().to_owned());
            }
            let meter = if stream == 2 { &mut stderr } else { &mut stdout };
            meter.push(piece).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::Limits;

    #[tokio::test]
    async fn frames_become_streams() {
        let (sender, mut output) = mpsc::channel(8);
        let frames = b"\x01\0\0\0\0\0\0\x02hi\x02\0\0\0\0\0\0\x05wrong\x01\0\0\0\xff\xff\xff\xffcut";
        demultiplex(&frames[..], Sink::new(sender, &Limits::default()), Refused::default()).await;
        let mut seen = Vec::new();
        while let Some(piece) = output.recv().await {
            seen.push(piece);
        }
        let expected = [Output::Stdout("hi".into()), Output::Stderr("wrong".into()), Output::Stdout("cut".into())];
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn a_command_that_did_not_start_is_known_by_the_shims_words() {
        let (sender, mut output) = mpsc::channel(8);
        let refused = Refused::default();
        let frame = b"\x02\0\0\0\0\0\0\x14openclaw-shim: no x\n";
        demultiplex(&frame[..], Sink::new(sender, &Limits::default()), refused.clone()).await;
        assert_eq!(refused.get().map(String::as_str), Some("no x"));
        assert!(output.recv().await.is_some());
    }
}
