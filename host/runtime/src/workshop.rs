//! Where components are made ready for calls: their files read and looked at, their code loaded, their manifests read,
//! and where they are taken apart again.
//!
//! Each of these takes milliseconds and maps memory or unmaps it, as often as a tenant likes to change what it has.
//! So they are done on one thread, which gives way to those of all calls, a piece at a time. Of each tenant one piece
//! is done or stands in the line for it: whoever changes much holds up another's change by one piece. What waits for
//! something else meanwhile (a compiler, a guest) has no turn.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    compile::{Client, Turn, Turns},
    error::LoadError,
    yielding::Yielding,
};

/// That thread, and whose turn it is there.
pub(crate) struct Workshop {
    turns: Turns,
    thread: Yielding,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self { turns: Turns::new(1), thread: Yielding::new("workshop", 1) }
    }

    /// Does a piece of work that blocks. Whoever asks for it waits for its turn, an installer too.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        client: &Client,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LoadError> {
        let turn = self.turn(client).await?;
        let work = async move {
            let _turn = turn;
            catch_unwind(AssertUnwindSafe(work))
        };
        self.thread.run(work).await.map_err(|_| LoadError::Internal("it panicked".into()))
    }

    /// A turn for a piece of what runs here without one.
    pub(crate) async fn turn(&self, client: &Client) -> Result<Turn, LoadError> {
        self.turns.take(&client.waiting()).await
    }

    /// Runs what mostly waits, without a turn.
    pub(crate) async fn attend<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.thread.run(work).await
    }

    /// Takes something apart that nobody needs any more.
    pub(crate) fn discard(&self, what: impl Send + 'static) {
        self.thread.leave(move || drop(what));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};

    use super::*;

    fn installer(id: &str) -> Client {
        Client::Installer(id.parse().expect("an id"))
    }

    #[tokio::test]
    async fn a_tenant_with_much_to_do_holds_up_another_by_one_piece() {
        let (workshop, done) = (Arc::new(Workshop::new()), Arc::new(Mutex::new(Vec::new())));
        let (go_on, waits) = mpsc::channel::<()>();
        let first = {
            let workshop = workshop.clone();
            tokio::spawn(async move { workshop.work(&installer("a"), move || waits.recv().is_ok()).await })
        };
        let piece = |id: &'static str| {
            let (workshop, done) = (workshop.clone(), done.clone());
            tokio::spawn(async move {
                let work = move || done.lock().expect("the list").push(id);
                workshop.work(&installer(id), work).await
            })
        };
        tokio::task::yield_now().await;
        let mut pieces: Vec<_> = (0..3).map(|_| piece("a")).collect();
        tokio::task::yield_now().await;
        pieces.push(piece("b"));
        tokio::task::yield_now().await;
        go_on.send(()).expect("it waits for this");
        first.await.expect("it ran").expect("it was done");
        for piece in pieces {
            piece.await.expect("it ran").expect("it was done");
        }
        assert_eq!(*done.lock().expect("the list"), ["b", "a", "a", "a"]);
    }

    #[tokio::test]
    async fn a_piece_that_panics_is_an_error_and_the_next_is_done() {
        let workshop = Workshop::new();
        let panicked = workshop.work(&Client::Operator, || panic!("it is flawed")).await;
        assert!(matches!(panicked, Err::<(), _>(LoadError::Internal(_))));
        assert_eq!(workshop.work(&Client::Operator, || 7).await.expect("it was done"), 7);
    }
}
