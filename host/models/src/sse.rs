//! Server-sent events, as the WHATWG standard defines their stream, in bounded memory.
//!
//! The parser is fed bytes as they come and gives whole events. It keeps one event at most, of at most [`MAX_EVENT`]
//! bytes; the fields `id` and `retry` serve a browser's reconnection and are passed over.

/// Most bytes of one event and of one line.
pub const MAX_EVENT: usize = 4 * 1024 * 1024;

/// One event: its name, empty where none was given, and its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerEvent {
    pub name: String,
    pub data: String,
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    #[error("an event of the stream is larger than {MAX_EVENT} bytes")]
    TooLarge,
    #[error("the stream is not UTF-8")]
    NotUtf8,
}

/// The state between two pieces of a stream.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    event: ServerEvent,
    has_data: bool,
    after_carriage_return: bool,
    past_first_line: bool,
}

impl Parser {
    /// Takes the next bytes of the stream and adds the events that they complete.
    pub fn push(&mut self, mut bytes: &[u8], events: &mut Vec<ServerEvent>) -> Result<(), SseError> {
        if self.after_carriage_return && !bytes.is_empty() {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            self.after_carriage_return = false;
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.extend_line(&bytes[..end])?;
            self.end_line(events)?;
            let rest = &bytes[end + 1..];
            bytes = match bytes[end] {
                b'\r' if rest.is_empty() => {
                    self.after_carriage_return = true;
                    rest
                }
                b'\r' => rest.strip_prefix(b"\n").unwrap_or(rest),
                _ => rest,
            };
        }
        self.extend_line(bytes)
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), SseError> {
        if self.line.len() + bytes.len() + self.event.name.len() + self.event.data.len() > MAX_EVENT {
            return Err(SseError::TooLarge);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<ServerEvent>) -> Result<(), SseError> {
        let line = std::mem::take(&mut self.line);
        let mut line = std::str::from_utf8(&line).map_err(|_| SseError::NotUtf8)?;
        if !std::mem::replace(&mut self.past_first_line, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if std::mem::take(&mut self.has_data) {
                events.push(event);
            }
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.event.name = value.to_owned(),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
