//! One line of the log.

use jiff::Timestamp;
use openclaw_config::json;
use serde_json::Value;

use crate::output::{Colour, Output, on_one_line, plain, printable};

/// A line as it was understood.
#[derive(Debug)]
pub(super) enum Entry {
    /// An event of the gateway.
    Event(Value),
    /// Anything else that came into the file.
    Text(String),
}

impl Entry {
    pub(super) fn read(line: &str) -> Self {
        match json::read(line.as_bytes(), json::DEPTH_MAX) {
            Ok(Value::Object(event)) => Self::Event(Value::Object(event)),
            _ => Self::Text(line.to_owned()),
        }
    }

    /// True for an event whose time is known and earlier.
    pub(super) fn is_before(&self, time: Timestamp) -> bool {
        match self {
            Self::Event(event) => {
                event["timestamp"].as_str().and_then(|at| at.parse::<Timestamp>().ok()).is_some_and(|at| at < time)
            }
            Self::Text(_) => false,
        }
    }

    /// `time LEVEL message key=value …`
    pub(super) fn line(&self, output: &Output) -> String {
        let event = match self {
            Self::Text(text) => return printable(text),
            Self::Event(event) => event,
        };
        let level = event["level"].as_str().unwrap_or("-");
        let colour = match level {
            "ERROR" => Colour::Red,
            "WARN" => Colour::Yellow,
            "INFO" => Colour::Green,
            _ => Colour::Dim,
        };
        let mut line = format!(
            "{} {} {}",
            output.paint(Colour::Dim, event["timestamp"].as_str().unwrap_or("-")),
            output.paint(colour, &format!("{level:5}")),
            on_one_line(event["message"].as_str().unwrap_or_default()),
        );
        for (key, value) in event.as_object().into_iter().flatten() {
            if !matches!(key.as_str(), "timestamp" | "level" | "message" | "target") {
                line.push_str(&format!(" {}={}", on_one_line(key), on_one_line(&plain(value))));
            }
        }
        line
    }
}

#[cfg(test)]
mod tests;
