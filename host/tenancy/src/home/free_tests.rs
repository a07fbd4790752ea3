//! A disk is full when no more bytes fit, or no more files.

use super::{FILES_KEPT, StatVfs, free_bytes};

fn disk(files: u64, left: u64) -> StatVfs {
    let here = rustix::fs::statvfs("/").unwrap();
    StatVfs { f_bavail: 10, f_frsize: 4096, f_files: files, f_ffree: left, f_favail: left, ..here }
}

#[test]
fn a_disk_on_which_hardly_a_file_can_be_made_is_full() {
    const MANY: u64 = 100 * FILES_KEPT;
    assert_eq!(free_bytes(&disk(MANY, FILES_KEPT + 1)), 40_960);
    assert_eq!(free_bytes(&disk(MANY, FILES_KEPT)), 0);
    assert_eq!(free_bytes(&disk(1000, 51)), 40_960, "a small one keeps few");
    assert_eq!(free_bytes(&disk(1000, 50)), 0);
}

#[test]
fn a_disk_that_counts_no_files_has_room_for_them() {
    assert_eq!(free_bytes(&disk(0, 0)), 40_960);
}
