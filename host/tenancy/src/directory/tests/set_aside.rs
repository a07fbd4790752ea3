//! What is set aside for a file is taken from everybody, whatever the file's size says.

use std::fs::File;

use rustix::fs::FallocateFlags;

use super::{NAME_BYTES, Place};

#[test]
fn what_is_set_aside_beyond_a_files_end_counts() {
    const SET_ASIDE: u64 = 8 << 20;
    let place = Place::new();
    let file = File::create(place.host("file")).unwrap();
    rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, SET_ASIDE).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 0);
    let counted = place.inside.disk_usage().unwrap();
    assert!(counted >= SET_ASIDE, "{counted}");
}

#[test]
fn a_sparse_file_counts_as_if_it_were_full() {
    let place = Place::new();
    File::create(place.host("file")).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(place.inside.disk_usage().unwrap(), (1 << 40) + NAME_BYTES);
}
