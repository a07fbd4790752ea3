//! The body of an answer: so many bytes, within its time.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use wasmtime_wasi_http::Error;

/// What a body may take.
#[derive(Clone, Copy)]
pub(super) struct Allowance {
    pub(super) bytes: u64,
    /// Between two pieces, where the guest says so.
    pub(super) pause: Option<Duration>,
    /// For all of it.
    pub(super) deadline: Instant,
}

pub(super) struct Bounded {
    incoming: Incoming,
    allowance: Allowance,
    left: u64,
    patience: Pin<Box<Sleep>>,
}

impl Bounded {
    pub(super) fn new(incoming: Incoming, allowance: Allowance) -> Result<Self, Error> {
        if incoming.size_hint().lower() > allowance.bytes {
            return Err(Error::HttpResponseBodySize(Some(allowance.bytes)));
        }
        let patience = Box::pin(sleep_until(allowance.until()));
        Ok(Self { incoming, allowance, left: allowance.bytes, patience })
    }
}

impl Allowance {
    /// When the next piece must be there.
    fn until(&self) -> Instant {
        let pause = self.pause.and_then(|pause| Instant::now().checked_add(pause));
        pause.map_or(self.deadline, |until| until.min(self.deadline))
    }
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        // First: a host that always has more would be read for ever.
        if this.patience.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(Error::HttpResponseTimeout)));
        }
        let frame = match Pin::new(&mut this.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        match this.left.checked_sub(bytes) {
            Some(left) => this.left = left,
            None => return Poll::Ready(Some(Err(Error::HttpResponseBodySize(Some(this.allowance.bytes))))),
        }
        this.patience.as_mut().reset(this.allowance.until());
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
