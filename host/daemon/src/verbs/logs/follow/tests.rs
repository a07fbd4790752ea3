use std::fs;

use super::Tail;

#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "files of this test")]
async fn a_line_counts_when_it_is_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    fs::write(&path, "one\ntw").expect("written");
    let mut tail = Tail::open(&path).expect("a log");
    assert_eq!(tail.read_line().expect("read"), Some("one".to_owned()));
    assert_eq!(tail.read_line().expect("read"), None);
    fs::write(&path, "one\ntwo\n").expect("written");
    assert_eq!(tail.next_line().await.expect("read"), "two");
}

#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "files of this test")]
async fn a_file_that_takes_the_place_is_read_from_its_beginning() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    fs::write(&path, "old\n").expect("written");
    let mut tail = Tail::open(&path).expect("a log");
    assert_eq!(tail.read_line().expect("read"), Some("old".to_owned()));
    fs::rename(&path, directory.path().join("log.1")).expect("moved");
    fs::write(&path, "new\n").expect("written");
    assert_eq!(tail.next_line().await.expect("read"), "new");
}
