//! Who hears of a run: the events `chat` and `agent` for the tenant's connections.
//!
//! One run's events are numbered on, over both names. A call may publish 1,024 of them and the tenant's window holds
//! as many, so pieces of answers stop being told first, then tools; how a run ends is always told.

use crate::run::{Run, Status, Usage};
use openclaw_sdk::events::Events;
use openclaw_sdk::{Call, Result, now_ms};
use serde_json::{Value, json};
use std::cell::Cell;

/// A message that is longer is left out of its event, and clients ask for the history.
const MESSAGE_BYTES: usize = 48 << 10;

/// The most characters of a tool's arguments and result.
const TOOL_CHARACTERS: usize = 2000;

/// Events after which pieces of answers are told no more, and tools no more.
const PIECES_UNTIL: u32 = 700;
const TOOLS_UNTIL: u32 = 950;

/// The number of what another call says of a run, which is behind all that the run says itself.
const AFTER_ALL: u32 = 2000;

pub(crate) struct Teller {
    events: Events,
    run_id: String,
    session_key: String,
    seq: Cell<u32>,
}

impl Teller {
    pub(crate) fn of(call: &Call, run: &Run) -> Result<Self> {
        Ok(Self {
            events: call.events()?,
            run_id: run.id.clone(),
            session_key: run.session_key.clone(),
            seq: Cell::new(1),
        })
    }

    /// The first thing that is told of a run, by whoever took it in.
    pub(crate) fn accepted(call: &Call, run: &Run) -> Result<()> {
        let teller = Self::of(call, run)?;
        teller.seq.set(0);
        teller.agent("lifecycle", json!({ "phase": "accepted", "acceptedAt": run.accepted_at }))
    }

    /// Of a run that another call ends.
    pub(crate) fn of_ended(call: &Call, run: &Run) -> Result<Self> {
        let teller = Self::of(call, run)?;
        teller.seq.set(AFTER_ALL);
        Ok(teller)
    }

    pub(crate) fn started(&self) -> Result<()> {
        self.agent("lifecycle", json!({ "phase": "start", "startedAt": now_ms() }))
    }

    /// What the model has said so far, and the piece that is new of it.
    pub(crate) fn said(&self, so_far: &str, piece: &str) -> Result<()> {
        if self.seq.get() > PIECES_UNTIL {
            return Ok(());
        }
        let mut data = json!({ "delta": piece });
        if so_far.len() <= MESSAGE_BYTES {
            data["text"] = so_far.into();
            let content = json!([{ "type": "text", "text": so_far }]);
            let message = json!({ "role": "assistant", "content": content, "timestamp": now_ms() });
            self.chat(json!({ "state": "delta", "message": message }))?;
        }
        if piece.len() <= MESSAGE_BYTES { self.agent("assistant", data) } else { Ok(()) }
    }

    pub(crate) fn tool_started(&self, id: &str, name: &str, arguments: &Value) -> Result<()> {
        let arguments = short(&arguments.to_string());
        self.tool(json!({ "phase": "start", "toolCallId": id, "name": name, "args": arguments }))
    }

    pub(crate) fn tool_ended(&self, id: &str, name: &str, is_error: bool, result: &str) -> Result<()> {
        let result = short(result);
        self.tool(json!({ "phase": "result", "toolCallId": id, "name": name, "isError": is_error, "result": result }))
    }

    fn tool(&self, data: Value) -> Result<()> {
        if self.seq.get() > TOOLS_UNTIL { Ok(()) } else { self.agent("tool", data) }
    }

    /// How it has ended; where that is well, with this message.
    pub(crate) fn ended(&self, run: &Run, message: &Value) -> Result<()> {
        let why = run.error.as_deref().unwrap_or_default();
        match (run.status, &run.outcome) {
            (Status::Ok, Some(outcome)) => self.finished(message, &outcome.stop_reason, &outcome.usage),
            (Status::Aborted, _) => self.aborted(why),
            _ => self.failed(why),
        }
    }

    fn finished(&self, message: &Value, stop_reason: &str, usage: &Usage) -> Result<()> {
        let mut payload = json!({ "state": "final", "stopReason": stop_reason, "usage": usage });
        if message.to_string().len() <= MESSAGE_BYTES {
            payload["message"] = message.clone();
        }
        self.agent("lifecycle", json!({ "phase": "end", "endedAt": now_ms() }))?;
        self.chat(payload)?;
        self.session_changed("message")
    }

    /// It has failed.
    pub(crate) fn failed(&self, error: &str) -> Result<()> {
        self.agent("error", json!({ "error": error }))?;
        self.agent("lifecycle", json!({ "phase": "error", "error": error, "endedAt": now_ms() }))?;
        self.chat(json!({ "state": "error", "errorMessage": error }))?;
        self.session_changed("error")
    }

    /// Somebody has ended it, or the gateway stopped while it ran.
    pub(crate) fn aborted(&self, why: &str) -> Result<()> {
        self.agent("lifecycle", json!({ "phase": "end", "aborted": true, "endedAt": now_ms() }))?;
        self.chat(json!({ "state": "aborted", "errorMessage": why, "stopReason": "aborted" }))?;
        self.session_changed("aborted")
    }

    fn session_changed(&self, reason: &str) -> Result<()> {
        let key = &self.session_key;
        let payload = json!({ "key": key, "sessionKey": key, "reason": reason, "ts": now_ms() });
        self.events.publish("sessions.changed", &payload).map(drop)
    }

    fn agent(&self, stream: &str, data: Value) -> Result<()> {
        let payload = json!({
            "runId": self.run_id, "sessionKey": self.session_key, "seq": self.next(),
            "stream": stream, "ts": now_ms(), "data": data,
        });
        self.events.publish("agent", &payload).map(drop)
    }

    fn chat(&self, mut payload: Value) -> Result<()> {
        payload["runId"] = self.run_id.as_str().into();
        payload["sessionKey"] = self.session_key.as_str().into();
        payload["seq"] = self.next().into();
        self.events.publish("chat", &payload).map(drop)
    }

    fn next(&self) -> u32 {
        self.seq.replace(self.seq.get() + 1)
    }
}

fn short(text: &str) -> String {
    crate::session::shorten(text, TOOL_CHARACTERS)
}
