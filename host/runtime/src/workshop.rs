//! Where components are made ready for calls: their files read and looked at, their code loaded, their manifests read,
//! and where they are taken apart again.
//!
//! Each of these takes milliseconds and maps memory or unmaps it, as often as a tenant likes to change what it has.
//! So they are done on threads which give way to those of all calls, a piece at a time (the operator's beside the
//! tenants'). Of each tenant one piece is done or stands in the line for it: whoever changes much holds up another's
//! change by one piece. What waits for something else meanwhile (a compiler, a guest) has no turn, and guests run on a
//! thread that no piece blocks: one may have the turn among long calls that others wait for.

use crate::{
    compile::{Client, Turns},
    error::LoadError,
    yielding::Yielding,
};

/// Those threads, and whose turn it is there.
pub(crate) struct Workshop {
    turns: Turns,
    threads: Yielding,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self { turns: Turns::new(1), threads: Yielding::new("workshop", 1) }
    }

    /// Does a piece of work that blocks. Whoever asks for it waits for its turn, an installer too.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        client: &Client,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LoadError> {
        let turn = self.turns.take(&client.waiting()).await?;
        let done = self.threads.block(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| LoadError::Internal(error.to_string()))
    }

    /// Runs a guest, or what else mostly waits, without a turn.
    pub(crate) async fn attend<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.threads.run(work).await
    }

    /// Takes something apart that nobody needs any more.
    pub(crate) fn discard(&self, what: impl Send + 'static) {
        drop(self.threads.block(move || drop(what)));
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
    async fn guests_go_on_while_a_piece_is_done() {
        let (workshop, (go_on, waits)) = (Arc::new(Workshop::new()), mpsc::channel::<()>());
        let piece = {
            let workshop = workshop.clone();
            tokio::spawn(async move { workshop.work(&installer("a"), move || waits.recv().is_ok()).await })
        };
        tokio::task::yield_now().await;
        assert_eq!(workshop.attend(async { 7 }).await, 7);
        go_on.send(()).expect("it waits for this");
        assert!(piece.await.expect("it ran").expect("it was done"));
    }

    #[tokio::test]
    async fn a_piece_that_panics_is_an_error_and_the_next_is_done() {
        let workshop = Workshop::new();
        let panicked = workshop.work(&Client::Operator, || panic!("it is flawed")).await;
        assert!(matches!(panicked, Err::<(), _>(LoadError::Internal(_))));
        assert_eq!(workshop.work(&Client::Operator, || 7).await.expect("it was done"), 7);
    }
}
