//! The frames of `/terminal`.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::error::CliError;

/// What came.
pub(super) enum Frame {
    /// The terminal's id.
    Attached(String),
    Output(Bytes),
    End(End),
    /// What needs no answer of ours.
    Other,
}

/// How it is over.
pub(super) enum End {
    /// The payload of `terminal.exit`.
    Exited(Value),
    /// There is no terminal.
    Refused(CliError),
    /// By the gateway, for this reason.
    Closed(String),
    Lost,
    Detached,
}

pub(super) fn spawn(params: Value) -> Message {
    text(&json!({ "type": "spawn", "params": params }))
}

pub(super) fn resize(cols: u16, rows: u16) -> Message {
    text(&json!({ "type": "resize", "cols": cols, "rows": rows }))
}

pub(super) fn ack(bytes: u64) -> Message {
    text(&json!({ "type": "ack", "bytes": bytes }))
}

pub(super) fn typed(bytes: Vec<u8>) -> Message {
    Message::binary(bytes)
}

fn text(control: &Value) -> Message {
    Message::text(control.to_string())
}

pub(super) fn read(message: Option<Message>) -> Frame {
    match message {
        Some(Message::Binary(bytes)) => Frame::Output(bytes),
        Some(Message::Text(text)) => control(&text),
        Some(Message::Close(frame)) => {
            Frame::End(frame.map_or(End::Lost, |frame| End::Closed(frame.reason.as_str().to_owned())))
        }
        Some(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Frame::Other,
        None => Frame::End(End::Lost),
    }
}

#[allow(clippy::disallowed_methods, reason = "written by the gateway that the operator chose")]
fn control(text: &str) -> Frame {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    match message["type"].as_str() {
        Some("attached") => Frame::Attached(message["terminalId"].as_str().unwrap_or_default().to_owned()),
        Some("skipped") => {
            Frame::Output(format!("\r\n[{} bytes are not shown]\r\n", message["bytes"]).into_bytes().into())
        }
        Some("exit") => Frame::End(End::Exited(message)),
        Some("error") => {
            let status = message["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(500);
            let problem = json!({ "code": message["code"], "detail": message["message"] });
            Frame::End(End::Refused(CliError::of_problem(status, &problem)))
        }
        _ => Frame::Other,
    }
}
