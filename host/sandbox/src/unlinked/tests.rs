#![allow(clippy::disallowed_methods, reason = "a test's own files")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};

use super::*;

const BYTES: u64 = 1 << 20;

/// A process that has a file open twice; ended with this.
struct Keeper(Child);

impl Keeper {
    fn of(file: File) -> Self {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "exec 3<&0; echo there; exec sleep 1000"])
            .stdin(file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
        Self(child)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_file_counts_once_it_has_no_name_and_once_for_all_who_have_it_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let mut file = File::create_new(&path).unwrap();
    file.write_all(&vec![7; BYTES as usize]).unwrap();
    file.sync_all().unwrap();
    let device = file.metadata().unwrap().dev();
    let keeper = Keeper::of(file.try_clone().unwrap());
    let again = Keeper::of(file);
    let kept = |keeper: &Keeper, device| unlinked_bytes(keeper.0.id(), device).unwrap();
    assert_eq!(kept(&keeper, device), 0, "a walk finds it");
    std::fs::remove_file(&path).unwrap();
    for keeper in [&keeper, &again] {
        let bytes = kept(keeper, device);
        assert!((BYTES..2 * BYTES).contains(&bytes), "{bytes}");
    }
    assert!(unlinked_bytes(std::process::id(), device).unwrap() >= BYTES, "by those that it has started");
    assert_eq!(kept(&keeper, device + 1), 0, "it is on another disk");
}

#[test]
fn who_has_too_much_open_is_not_counted() {
    let mut look = Look { device: 0, left: 1, found: HashMap::new() };
    let own = format!("/proc/{}/fd", std::process::id());
    assert_eq!(look.at(&own), Err(TooMany));
}
