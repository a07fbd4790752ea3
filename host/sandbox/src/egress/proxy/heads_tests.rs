//! A request's head is of a size, and comes within a time.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::AllowList;
use super::*;

/// A connection to a proxy that lets nothing through.
async fn connect() -> (UnixStream, tempfile::TempDir) {
    let audit = Box::new(|_| -> super::super::Telling { Box::pin(std::future::ready(())) });
    let policy = Policy { allow: AllowList::parse([""; 0]).unwrap(), private: Vec::new(), audit };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("proxy");
    tokio::spawn(serve(UnixListener::bind(&path).unwrap(), Arc::new(policy), Resolver::of("a-tenant")));
    (UnixStream::connect(&path).await.unwrap(), directory)
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let (mut stream, _directory) = connect().await;
    let large = format!("CONNECT a.example:443 HTTP/1.1\r\nhost: x\r\nlarge: {}\r\n\r\n", "x".repeat(2 * HEAD_BYTES));
    // It may hang up before it has read all of it.
    let _ = stream.write_all(large.as_bytes()).await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}

/// The clock stands still but for those who wait.
#[tokio::test(start_paused = true)]
async fn who_does_not_end_a_head_is_hung_up_on() {
    let (mut stream, _directory) = connect().await;
    stream.write_all(b"CONNECT a.example:443 HTTP/1.1\r\n").await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
}
