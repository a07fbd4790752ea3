//! A caller that stands in the ledger's line, and is not polled any more, holds nobody up.

use std::pin::pin;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_and_does_not_go_on_keeps_nothing_from_being_written() {
    let home = tempfile::tempdir().unwrap();
    let ledger = open(home.path()).await;
    ledger.record_request(&acme(), at("2026-11-01T00:00:00Z"));
    let flush = ledger.flushing.clone().write_owned().await;
    let (acme, measured) = (acme(), Measured::default());
    let mut reads = pin!(ledger.snapshot(&acme, "2026-11".parse().unwrap(), &measured));
    tokio::select! {
        biased;
        _ = &mut reads => panic!("nothing is read while a flush writes"),
        () = tokio::task::yield_now() => {}
    }
    drop(flush);
    // It stands in the line before this one, and nobody polls it.
    ledger.flush().await.unwrap();
    assert_eq!(reads.await.unwrap().total_requests, 1);
}
