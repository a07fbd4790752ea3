//! A run's reply, and the events before it in their order.
//!
//! The reply is worked on by a task of its own, whoever reads meanwhile or does not: what it has locked it lets go
//! again. It ends with this. Of the events so many wait as the bus keeps for a listener; the rest are missed.

use openclaw_runtime::Event;
use tokio::{
    sync::broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    task::JoinSet,
};
use tracing::Instrument as _;

/// What is told next.
pub(super) enum Told<T> {
    /// Of the tenant: of this run, or of something else.
    Event(Event),
    /// So many came before they were read.
    Missed(u64),
    Reply(T),
    /// There is no reply: the call failed inside, or its tenant is gone.
    End,
}

pub(super) struct Telling<T> {
    events: Receiver<Event>,
    /// One task.
    reply: JoinSet<T>,
    /// The reply, and how many events came before it that were not told yet.
    last: Option<(T, u64)>,
}

impl<T: Send + 'static> Telling<T> {
    /// Begins to work on the reply.
    pub(super) fn begin(events: Receiver<Event>, work: impl Future<Output = T> + Send + 'static) -> Self {
        let mut reply = JoinSet::new();
        reply.spawn(work.in_current_span());
        Self { events, reply, last: None }
    }

    /// Waits for what is told next. Whoever stops to wait misses nothing by that.
    pub(super) async fn next(&mut self) -> Told<T> {
        if self.last.is_none() {
            tokio::select! {
                // The reply first: events that go on for ever do not keep it back.
                biased;
                ended = self.reply.join_next() => match ended {
                    Some(Ok(reply)) => self.last = Some((reply, self.events.len() as u64)),
                    Some(Err(error)) => {
                        tracing::error!(%error, "the call of a stream did not end");
                        return Told::End;
                    }
                    None => return Told::End,
                },
                heard = self.events.recv() => return match heard {
                    Ok(event) => Told::Event(event),
                    Err(RecvError::Lagged(events)) => Told::Missed(events),
                    Err(RecvError::Closed) => Told::End,
                },
            }
        }
        self.before_the_reply()
    }

    /// The next event that came before the reply; after them the reply.
    fn before_the_reply(&mut self) -> Told<T> {
        let Some((reply, waiting)) = self.last.take() else { return Told::End };
        if waiting == 0 {
            return Told::Reply(reply);
        }
        let (told, count) = match self.events.try_recv() {
            Ok(event) => (Told::Event(event), 1),
            Err(TryRecvError::Lagged(events)) => (Told::Missed(events), events),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Told::Reply(reply),
        };
        self.last = Some((reply, waiting.saturating_sub(count)));
        told
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use openclaw_runtime::EventBus;
    use openclaw_tenancy::TenantId;
    use serde_json::value::RawValue;
    use tokio::sync::{Mutex, oneshot};

    use super::*;

    fn acme() -> TenantId {
        "acme".parse().expect("an id")
    }

    fn publish(bus: &EventBus) {
        bus.publish(&acme(), "agent", RawValue::from_string("{}".into()).expect("JSON"));
    }

    #[tokio::test]
    async fn a_stream_that_nobody_reads_locks_nobody_out() {
        let (bus, everyones) = (EventBus::default(), Arc::new(Mutex::new(())));
        let held = everyones.clone().lock_owned().await;
        let (waits, does_wait) = oneshot::channel();
        let lock = everyones.clone();
        let mut unread = Telling::begin(bus.subscribe(&acme(), None).live, async move {
            let _ = waits.send(());
            drop(lock.lock().await);
        });
        publish(&bus);
        assert!(matches!(unread.next().await, Told::Event(_)), "the client has read so far, and reads no more");
        does_wait.await.expect("the call stands in the line");
        drop(held);
        // Its turn in that line comes, and has to pass.
        drop(everyones.lock().await);
        assert!(matches!(unread.next().await, Told::Reply(())));
    }

    #[tokio::test]
    async fn what_was_told_before_the_reply_is_heard_before_it_and_no_more() {
        let (bus, (ends, ended)) = (Arc::new(EventBus::default()), oneshot::channel::<()>());
        let published = bus.clone();
        let mut telling = Telling::begin(bus.subscribe(&acme(), None).live, async move {
            (0..300).for_each(|_| publish(&published));
            drop(ends);
        });
        assert!(ended.await.is_err(), "the work is done");
        assert!(matches!(telling.next().await, Told::Missed(44)), "of 300 the newest 256 wait");
        for _ in 0..256 {
            publish(&bus);
            assert!(matches!(telling.next().await, Told::Event(_) | Told::Missed(1)));
        }
        publish(&bus);
        assert!(matches!(telling.next().await, Told::Reply(())), "events that go on do not keep it back");
    }

    #[tokio::test]
    async fn the_call_ends_with_its_stream() {
        let (bus, (ends, ended)) = (EventBus::default(), oneshot::channel::<()>());
        let telling = Telling::begin(bus.subscribe(&acme(), None).live, async move {
            let _ends = ends;
            std::future::pending::<()>().await;
        });
        drop(telling);
        assert!(ended.await.is_err());
    }
}
