//! What comes in on a WebSocket, weighed while it comes: a message that is not yet whole is memory
//! of ours, so it counts as bytes of requests under way and must be whole in time.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use crate::in_flight::Share;

/// Why a connection is cut off in the middle of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cut {
    /// Its tenant has the most bytes of requests under way.
    #[error("too many bytes of requests under way")]
    TooMuch,
    /// The message's end did not come.
    #[error("the message did not come in time")]
    Late,
}

impl Cut {
    /// What a read failed for, where it was one of these.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

/// A client's bytes.
pub(super) struct Incoming<S> {
    stream: S,
    frames: Frames,
    share: Share,
    patience: Patience,
}

/// How long the client is waited for until a message is whole. While we do not read, nobody waits.
struct Patience {
    each: Duration,
    left: Duration,
    /// Since when it is waited for.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Incoming<S> {
    /// `share` grows and shrinks with what is not yet whole; `patience` is for one message.
    pub(super) fn new(stream: S, share: Share, patience: Duration) -> Self {
        let patience = Patience { each: patience, left: patience, waiting: None };
        Self { stream, frames: Frames::default(), share, patience }
    }

    fn weigh(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        let messages = self.frames.messages;
        self.frames.feed(bytes);
        self.share.resize(self.frames.unfinished).map_err(|_| Cut::TooMuch)?;
        self.patience.came(!self.frames.within() || self.frames.messages != messages);
        Ok(())
    }
}

impl Patience {
    /// Something came. `is_new`: none of it belongs to the message that was waited for.
    fn came(&mut self, is_new: bool) {
        let waited = self.waiting.take().map_or(Duration::ZERO, |(since, _)| since.elapsed());
        self.left = if is_new { self.each } else { self.left.saturating_sub(waited) };
    }

    /// Nothing came: ready when it is too late.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let (_, end) = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until(now + self.left)))
        });
        end.as_mut().poll(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Incoming<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Ready(read) => {
                read?;
                let weighed = this.weigh(buffer.filled().get(before..).unwrap_or_default());
                Poll::Ready(weighed.map_err(io::Error::other))
            }
            Poll::Pending if this.frames.within() => {
                this.patience.wait(context).map(|()| Err(io::Error::other(Cut::Late)))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Incoming<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The longest head of a frame: two bytes, a length of eight, a mask of four.
const HEAD_BYTES: usize = 14;

/// Where in a client's frames the next byte falls: RFC 6455, section 5.2. What is wrong with them is
/// for the reader behind this to say.
#[derive(Debug, Default)]
struct Frames {
    head: [u8; HEAD_BYTES],
    head_read: usize,
    /// Bytes of the frame's payload that are still to come.
    payload_left: u64,
    is_control: bool,
    is_last: bool,
    /// Bytes of the message that is not yet whole.
    unfinished: u64,
    /// Messages that came whole.
    messages: u64,
}

impl Frames {
    /// Whether a frame or a message has begun and not ended.
    fn within(&self) -> bool {
        self.head_read > 0 || self.payload_left > 0 || self.unfinished > 0
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.payload_left == 0 {
                self.head_byte(first);
                bytes = rest;
                continue;
            }
            let here = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
            self.take(here as u64);
            self.payload_left -= here as u64;
            self.end_frame();
            bytes = bytes.get(here..).unwrap_or_default();
        }
    }

    fn head_byte(&mut self, byte: u8) {
        if let Some(place) = self.head.get_mut(self.head_read) {
            *place = byte;
        }
        self.head_read += 1;
        let [first, second, ..] = self.head;
        let length_bytes = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask_bytes = if second & 0x80 == 0 { 0 } else { 4 };
        if self.head_read < 2 || self.head_read < 2 + length_bytes + mask_bytes {
            return;
        }
        let length = self.head.get(2..2 + length_bytes).unwrap_or_default();
        self.payload_left = match length {
            [] => u64::from(second & 0x7f),
            length => length.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        self.is_control = first & 0x08 != 0;
        self.is_last = first & 0x80 != 0;
        self.take(self.head_read as u64);
        self.head_read = 0;
        self.end_frame();
    }

    fn take(&mut self, bytes: u64) {
        if !self.is_control {
            self.unfinished = self.unfinished.saturating_add(bytes);
        }
    }

    fn end_frame(&mut self) {
        if self.payload_left == 0 && self.is_last && !self.is_control {
            self.unfinished = 0;
            self.messages += 1;
        }
    }
}

#[cfg(test)]
mod tests;
