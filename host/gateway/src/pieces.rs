//! A long body goes out by pieces: to write a mebibyte to a socket is the kernel's work for a good part of a
//! millisecond, in which nobody else's call runs on that thread.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// So much is written at once.
const PIECE: usize = 64 << 10;

/// A body of these bytes.
pub(crate) fn body(bytes: Bytes) -> Body {
    if bytes.len() <= PIECE { bytes.into() } else { Body::new(Pieces { left: bytes, others_first: false }) }
}

struct Pieces {
    left: Bytes,
    /// What was given is to be written, and others have their turn, before there is more.
    others_first: bool,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        self.others_first = !self.others_first;
        if !self.others_first {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let length = self.left.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_long_body_is_whole_and_lets_others_go_first_between_its_pieces() {
        let bytes: Vec<u8> = (0..3 * PIECE + 1).map(|at| (at % 251) as u8).collect();
        let mut body = body(bytes.clone().into());
        assert_eq!(body.size_hint().exact(), Some(bytes.len() as u64));
        let (woken, mut taken, mut pauses) = (Arc::<Woken>::default(), Vec::new(), 0);
        let waker = woken.clone().into();
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut body).poll_frame(&mut context) {
                Poll::Pending => pauses += 1,
                Poll::Ready(Some(frame)) => taken.extend(frame.expect("a piece").into_data().expect("data")),
                Poll::Ready(None) => break,
            }
        }
        assert_eq!(taken, bytes);
        assert_eq!((pauses, woken.0.load(Ordering::Relaxed)), (3, 3), "after each it is asked again");
    }
}
