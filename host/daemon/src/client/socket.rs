//! A WebSocket to the gateway.

use futures_util::{SinkExt, StreamExt};
use openclaw_config::Secret;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Hosted;
use super::http::{Answer, Stream, Target};
use crate::error::{CliError, Kind};

/// A WebSocket, and the gateway where that is in this process.
pub(crate) struct Socket {
    pub(super) stream: WebSocketStream<Box<dyn Stream>>,
    pub(super) hosted: Option<Hosted>,
}

/// What is asked for.
pub(super) struct Asked<'a> {
    pub(super) path: &'a str,
    pub(super) protocol: &'static str,
    pub(super) acting_for: Option<&'a str>,
    pub(super) token: Option<&'a Secret>,
}

impl Socket {
    /// The next message; none once the connection is lost.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        self.stream.next().await?.ok()
    }

    pub(crate) async fn send(&mut self, message: Message) -> Result<(), CliError> {
        self.stream.send(message).await.map_err(lost)
    }

    /// Whether the gateway ends with this.
    pub(crate) fn is_hosted(&self) -> bool {
        self.hosted.is_some()
    }

    pub(crate) async fn close(mut self) -> Result<(), CliError> {
        // The peer may have closed it before.
        let _ = self.stream.close(None).await;
        match self.hosted {
            Some(hosted) => hosted.close().await,
            None => Ok(()),
        }
    }
}

pub(super) async fn upgrade(
    stream: Box<dyn Stream>,
    target: &Target,
    asked: &Asked<'_>,
) -> Result<WebSocketStream<Box<dyn Stream>>, CliError> {
    let unfit = || CliError::usage("the token or the tenant's id holds characters that no header can carry");
    // The connection is there already, and TLS with it: of the URI, path and host count.
    let uri: Uri = format!("ws://{}{}", target.host(), target.beside(asked.path)).parse().map_err(|_| unfit())?;
    let mut request = ClientRequestBuilder::new(uri).with_sub_protocol(asked.protocol);
    if let Some(token) = asked.token {
        request = request.with_header("authorization", format!("Bearer {}", token.expose()));
    }
    if let Some(tenant) = asked.acting_for {
        request = request.with_header("x-openclaw-tenant", tenant);
    }
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let (parts, body) = response.into_parts();
            let answer = Answer { status: parts.status.as_u16(), body: body.unwrap_or_default() };
            Err(answer.result().err().unwrap_or_else(|| CliError::failed("the gateway opens no WebSocket")))
        }
        // Not the error's own words: they could hold the token.
        Err(Error::HttpFormat(_)) => Err(unfit()),
        Err(error) => Err(lost(error)),
    }
}

fn lost(error: Error) -> CliError {
    CliError::new(Kind::Unreachable, format!("the gateway went away: {error}"))
}
