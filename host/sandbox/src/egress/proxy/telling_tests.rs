//! An attempt is answered once it is told, and nothing else waits for that.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};

use super::super::{AllowList, Telling};
use super::*;

#[derive(Debug, PartialEq, Eq)]
enum Event {
    Begins,
    Told,
}

/// A proxy that lets nothing through; what is told of that takes until `go`.
struct Slow {
    directory: tempfile::TempDir,
    events: mpsc::UnboundedReceiver<Event>,
    go: Arc<Notify>,
}

impl Slow {
    fn start() -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let go = Arc::new(Notify::new());
        let until = go.clone();
        let audit = Box::new(move |_| -> Telling {
            let (sender, until) = (sender.clone(), until.clone());
            Box::pin(async move {
                sender.send(Event::Begins).unwrap();
                until.notified().await;
                sender.send(Event::Told).unwrap();
            })
        });
        let policy = Policy { allow: AllowList::parse([""; 0]).unwrap(), private: Vec::new(), audit };
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("proxy")).unwrap();
        tokio::spawn(serve(listener, Arc::new(policy), Resolver::of("a-tenant")));
        Self { directory, events, go }
    }

    async fn ask(&self) -> UnixStream {
        let mut stream = UnixStream::connect(self.directory.path().join("proxy")).await.unwrap();
        stream.write_all(b"CONNECT a.example:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        stream
    }
}

#[tokio::test]
async fn an_attempt_is_answered_once_it_is_told_and_others_do_not_wait_for_it() {
    let mut proxy = Slow::start();
    let mut streams = [proxy.ask().await, proxy.ask().await];
    for _ in &streams {
        assert_eq!(proxy.events.recv().await, Some(Event::Begins), "both at one time");
    }
    let early = streams[0].try_read(&mut [0]);
    assert!(early.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock), "it is not answered");
    for _ in &streams {
        proxy.go.notify_one();
        assert_eq!(proxy.events.recv().await, Some(Event::Told));
    }
    for stream in &mut streams {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
}

#[tokio::test]
async fn who_hangs_up_is_told_of_all_the_same() {
    let mut proxy = Slow::start();
    let stream = proxy.ask().await;
    assert_eq!(proxy.events.recv().await, Some(Event::Begins));
    drop(stream);
    proxy.go.notify_one();
    assert_eq!(proxy.events.recv().await, Some(Event::Told));
}
