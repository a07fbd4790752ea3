//! Streams from and to files. A guest can begin what blocks a thread on each of its streams and wait for none, so what
//! a stream has under way takes one of the few places that its tenant has for that, until the disk has done it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use openclaw_tenancy::TenantRecord;
use rustix::io::Errno;
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinHandle,
};
use wasmtime_wasi::{
    async_trait,
    p2::{DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult},
};

use crate::{disk::Room, services::Services};

/// Bytes that go at once: what may be written between two looks, and is read at the most.
const PIECE: usize = 64 << 10;

/// Bytes that are read for whoever waits before it reads.
const AHEAD: usize = 4 << 10;

/// A stream of wasmtime's, which has one thing under way at a time.
enum Turn<S, T> {
    Idle(S),
    UnderWay {
        /// The stream comes back with what became of it.
        work: JoinHandle<Option<(S, StreamResult<T>)>>,
        /// Dropped while the work waits for its place, it ends the wait.
        wanted: oneshot::Sender<()>,
    },
    Gone,
}

impl<S: Send + 'static, T: Send + 'static> Turn<S, T> {
    /// Begins something, where nothing is under way.
    fn begin<W: Future<Output = (S, StreamResult<T>)> + Send + 'static>(
        &mut self,
        places: &Arc<Semaphore>,
        work: impl FnOnce(S) -> W + Send + 'static,
    ) -> StreamResult<()> {
        let stream = match std::mem::replace(self, Self::Gone) {
            Self::Idle(stream) => stream,
            Self::Gone => return Err(StreamError::Closed),
            under_way => {
                *self = under_way;
                return Err(StreamError::trap("not permitted while the stream is not ready"));
            }
        };
        let places = places.clone();
        let (wanted, unwanted) = oneshot::channel();
        let work = tokio::spawn(async move {
            let _place = tokio::select! {
                biased;
                _ = unwanted => return None,
                place = places.acquire_owned() => place.ok()?,
            };
            Some(work(stream).await)
        });
        *self = Self::UnderWay { work, wanted };
        Ok(())
    }

    /// Waits for what is under way; answers what became of it, once.
    async fn end(&mut self) -> Option<StreamResult<T>> {
        let Self::UnderWay { work, .. } = self else { return None };
        let Some((stream, result)) = work.await.ok().flatten() else {
            *self = Self::Gone;
            return None;
        };
        *self = Self::Idle(stream);
        Some(result)
    }

    /// What waits is given up, what is begun is waited for.
    async fn cancel(&mut self) {
        if let Self::UnderWay { work, wanted } = std::mem::replace(self, Self::Gone) {
            drop(wanted);
            let _ = work.await;
        }
    }
}

/// A stream from a file.
pub(super) struct Incoming {
    turn: Turn<DynInputStream, Bytes>,
    places: Arc<Semaphore>,
    /// What was read, or why nothing was, until the guest takes it.
    read: Option<StreamResult<Bytes>>,
}

impl Incoming {
    pub(super) fn new(inner: DynInputStream, places: Arc<Semaphore>) -> Self {
        Self { turn: Turn::Idle(inner), places, read: None }
    }

    fn begin(&mut self, bytes: usize) -> StreamResult<()> {
        self.turn.begin(&self.places, move |mut inner| async move {
            let read = inner.blocking_read(bytes).await;
            (inner, read)
        })
    }

    async fn end(&mut self) {
        if let Some(read) = self.turn.end().await {
            self.read = Some(read);
        }
    }
}

#[async_trait]
impl Pollable for Incoming {
    async fn ready(&mut self) {
        if self.read.is_none() && matches!(self.turn, Turn::Idle(_)) {
            let _ = self.begin(AHEAD);
        }
        self.end().await;
    }
}

#[async_trait]
impl InputStream for Incoming {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match self.read.take() {
            Some(Ok(mut bytes)) => {
                let taken = bytes.split_to(size.min(bytes.len()));
                self.read = (!bytes.is_empty()).then_some(Ok(bytes));
                Ok(taken)
            }
            Some(Err(error)) => {
                self.turn = Turn::Gone;
                Err(error)
            }
            None if size == 0 || matches!(self.turn, Turn::UnderWay { .. }) => Ok(Bytes::new()),
            None => self.begin(size.min(PIECE)).map(|()| Bytes::new()),
        }
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.read.is_none() && size > 0 && matches!(self.turn, Turn::Idle(_)) {
            self.begin(size.min(PIECE))?;
        }
        self.end().await;
        self.read(size)
    }

    async fn cancel(&mut self) {
        self.turn.cancel().await;
    }
}

/// A stream to a file that takes room for what goes through it, as its call does for all that it writes.
pub(super) struct Outgoing {
    turn: Turn<DynOutputStream, ()>,
    places: Arc<Semaphore>,
    /// What became of the last write, where it failed, until the guest hears of it.
    failure: Option<StreamError>,
    written: Arc<Mutex<Room>>,
    tenant: Arc<TenantRecord>,
    services: Arc<Services>,
}

impl Outgoing {
    pub(super) fn new(
        inner: DynOutputStream,
        places: Arc<Semaphore>,
        written: Arc<Mutex<Room>>,
        tenant: Arc<TenantRecord>,
        services: Arc<Services>,
    ) -> Self {
        Self { turn: Turn::Idle(inner), places, failure: None, written, tenant, services }
    }

    /// Measures where so much is not known to be there. What is written without waiting cannot wait for that.
    async fn look_ahead(&mut self, bytes: usize) {
        if let Ok(Ok(room)) = self.services.take_room(&self.tenant, bytes as u64).await {
            room.settle(0);
        }
    }

    fn take(&mut self, bytes: usize) -> StreamResult<()> {
        if self.written.lock().unwrap_or_else(PoisonError::into_inner).grow(bytes as u64) {
            return Ok(());
        }
        Err(StreamError::LastOperationFailed(std::io::Error::from(Errno::NOSPC).into()))
    }

    async fn end(&mut self) {
        if let Some(Err(error)) = self.turn.end().await {
            self.failure = Some(error);
        }
    }

    fn check(&mut self) -> StreamResult<()> {
        match self.failure.take() {
            Some(error) => {
                self.turn = Turn::Gone;
                Err(error)
            }
            None if matches!(self.turn, Turn::Gone) => Err(StreamError::Closed),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Pollable for Outgoing {
    async fn ready(&mut self) {
        self.look_ahead(PIECE).await;
        self.end().await;
    }
}

#[async_trait]
impl OutputStream for Outgoing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > PIECE {
            return Err(StreamError::trap("more than check-write allowed"));
        }
        self.take(bytes.len())?;
        self.turn.begin(&self.places, move |mut inner| async move {
            let written = inner.blocking_write_and_flush(bytes).await;
            (inner, written)
        })
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.look_ahead(bytes.len()).await;
        self.end().await;
        self.check()?;
        self.write(bytes)?;
        self.end().await;
        self.check()
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.check()?;
        Ok(if matches!(self.turn, Turn::UnderWay { .. }) { 0 } else { PIECE })
    }

    async fn cancel(&mut self) {
        self.turn.cancel().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file's stream whose disk answers when it is told to.
    struct Slow(Arc<Semaphore>);

    #[async_trait]
    impl Pollable for Slow {
        async fn ready(&mut self) {}
    }

    #[async_trait]
    impl InputStream for Slow {
        fn read(&mut self, size: usize) -> StreamResult<Bytes> {
            Ok(vec![b'x'; size].into())
        }

        async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
            self.0.acquire().await.map_err(|_| StreamError::Closed)?.forget();
            self.read(size)
        }
    }

    fn slow(disk: &Arc<Semaphore>, places: &Arc<Semaphore>) -> Incoming {
        Incoming::new(Box::new(Slow(disk.clone())), places.clone())
    }

    #[tokio::test]
    async fn what_is_begun_and_not_waited_for_keeps_its_place() {
        let (disk, places) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(2)));
        let mut streams: Vec<_> = (0..10).map(|_| slow(&disk, &places)).collect();
        for stream in &mut streams {
            assert!(stream.read(3).is_ok_and(|read| read.is_empty()), "nothing is there yet");
        }
        while places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        // What runs does so to its end; what waits for a place has ended.
        drop(streams);
        disk.add_permits(2);
        assert!(places.acquire_many(2).await.is_ok());
        assert_eq!(disk.available_permits(), 0, "two have read");
    }

    #[tokio::test]
    async fn what_was_read_is_taken_piece_by_piece() {
        let (disk, places) = (Arc::new(Semaphore::new(8)), Arc::new(Semaphore::new(1)));
        let mut stream = slow(&disk, &places);
        assert!(stream.blocking_read(5).await.is_ok_and(|read| &read[..] == b"xxxxx"));
        assert!(stream.read(2).is_ok_and(|read| read.is_empty()));
        stream.ready().await;
        assert!(stream.read(1).is_ok_and(|read| &read[..] == b"x"));
        assert!(stream.read(9).is_ok_and(|read| &read[..] == b"x"), "the rest of it");
        stream.ready().await;
        assert!(stream.read(PIECE).is_ok_and(|read| read.len() == AHEAD));
    }
}
