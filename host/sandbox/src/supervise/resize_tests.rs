//! However often a terminal is resized, its program is told seldom, and of the last size.

use super::*;
use crate::Session;

/// A process that ends when it is killed, and tells of its sizes.
struct Fake {
    sizes: mpsc::UnboundedSender<(Instant, u16)>,
    killed: bool,
}

impl Process for Fake {
    async fn ended(&mut self) -> Exit {
        if !self.killed {
            std::future::pending::<()>().await;
        }
        Exit::Status(137)
    }

    async fn kill(&mut self) {
        self.killed = true;
    }

    async fn resize(&mut self, size: Size) {
        self.sizes.send((Instant::now(), size.columns)).unwrap();
    }

    fn counters(&mut self) -> Counters {
        Counters::default()
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_sizes_the_last_one_counts() {
    let (session, supervised) = Session::pair(Mode::Bwrap, None, Vec::new());
    let remote = session.remote();
    let (sizes, mut seen) = mpsc::unbounded_channel();
    let watch = Watch {
        started: Instant::now(),
        wall: Duration::from_secs(60),
        exceeded: Arc::default(),
        requests: supervised.requests,
    };
    let watching = tokio::spawn(async move {
        supervise(&mut Fake { sizes, killed: false }, watch, JoinSet::new()).await;
    });
    let resize = |columns| assert!(remote.resize(Size { columns, rows: 24 }));
    resize(1);
    let (first, columns) = seen.recv().await.unwrap();
    assert_eq!(columns, 1);
    (2..1000).for_each(resize);
    let (second, columns) = seen.recv().await.unwrap();
    assert_eq!(columns, 999);
    assert!(second - first >= RESIZES, "{:?}", second - first);
    remote.kill();
    watching.await.unwrap();
    assert!(seen.try_recv().is_err(), "no size is told twice");
    assert!(!remote.resize(Size { columns: 1, rows: 1 }), "it has ended");
}
