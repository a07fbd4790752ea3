//! What a directory handle gives, and that nothing outside is ever reached.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use tempfile::TempDir;

use super::{Directory, DirectoryError, FileKind, NAME_BYTES, TenantPath};

mod escape;
mod paths;
mod set_aside;

/// A directory to work in, with a canary beside it.
struct Place {
    home: TempDir,
    inside: Directory,
}

const CANARY: &[u8] = b"another tenant's secret";

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("inside")).unwrap();
        std::fs::create_dir(home.path().join("outside")).unwrap();
        std::fs::write(home.path().join("outside/canary"), CANARY).unwrap();
        let inside = Directory::open_ambient(&home.path().join("inside")).unwrap();
        Self { home, inside }
    }

    /// A path of the host within the directory, for planting things.
    fn host(&self, path: &str) -> PathBuf {
        self.home.path().join("inside").join(path)
    }

    fn link(&self, name: &str, target: &str) {
        symlink(target, self.host(name)).unwrap();
    }

    fn fifo(&self, name: &str) {
        rustix::fs::mkfifoat(rustix::fs::CWD, self.host(name), rustix::fs::Mode::RWXU).unwrap();
    }

    /// Nothing outside was changed, added or removed.
    fn assert_outside_untouched(&self) {
        let outside = self.home.path().join("outside");
        assert_eq!(std::fs::read(outside.join("canary")).unwrap(), CANARY);
        assert_eq!(std::fs::read_dir(outside).unwrap().count(), 1);
        assert_eq!(std::fs::read_dir(self.home.path()).unwrap().count(), 2);
    }
}

fn path(text: &str) -> TenantPath {
    text.parse().unwrap()
}

#[test]
fn a_file_is_written_whole_read_in_parts_and_private() {
    let place = Place::new();
    let dir = &place.inside;
    dir.write_atomic(&path("a/b/note.txt"), b"hello world").unwrap();
    assert_eq!(dir.read(&path("a/b/note.txt"), 6, 100).unwrap(), b"world");
    assert_eq!(dir.read(&path("a/b/note.txt"), 0, 5).unwrap(), b"hello");
    assert_eq!(dir.read(&path("a/b/note.txt"), 99, 5).unwrap(), b"");
    assert_eq!(dir.read_all(&path("a/b/note.txt"), 11).unwrap(), b"hello world");
    assert!(matches!(dir.read_all(&path("a/b/note.txt"), 10), Err(DirectoryError::TooLarge { max_bytes: 10 })));
    let mode = |path| std::fs::metadata(place.host(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("a/b/note.txt"), 0o600);
    assert_eq!(mode("a/b"), 0o700);
}

#[test]
fn a_write_replaces_and_leaves_no_temporary_file() {
    let place = Place::new();
    place.inside.write_atomic(&path("x"), b"one").unwrap();
    let before = place.inside.metadata(&path("x")).unwrap().unwrap();
    place.inside.write_atomic(&path("x"), b"two!").unwrap();
    let after = place.inside.metadata(&path("x")).unwrap().unwrap();
    assert_ne!(before.identity, after.identity);
    assert_eq!((after.kind, after.size), (FileKind::File, 4));
    place.inside.create_directory(&path("d")).unwrap();
    assert!(place.inside.write_atomic(&path("d"), b"no").is_err());
    assert_eq!(std::fs::read_dir(place.host("")).unwrap().count(), 2);
}

#[test]
fn appends_add_up() {
    let place = Place::new();
    assert_eq!(place.inside.append(&path("logs/today"), b"one\n").unwrap(), 4);
    assert_eq!(place.inside.append(&path("logs/today"), b"two\n").unwrap(), 8);
    assert_eq!(place.inside.read_all(&path("logs/today"), 99).unwrap(), b"one\ntwo\n");
}

#[test]
fn a_listing_is_sorted_and_comes_in_pages() {
    let place = Place::new();
    for name in ["b", "a", "c", "B"] {
        place.inside.write_atomic(&path(name), name.as_bytes()).unwrap();
    }
    place.fifo("fifo");
    place.link("leaves", "../outside/canary");
    place.link("stays", "a");
    let names = |after, limit| -> Vec<String> {
        let entries = place.inside.list(&TenantPath::root(), after, limit).unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    };
    assert_eq!(names(None, 10), ["B", "a", "b", "c", "stays"]);
    assert_eq!(names(None, 2), ["B", "a"]);
    assert_eq!(names(Some("a"), 2), ["b", "c"]);
    assert!(names(Some("stays"), 2).is_empty());
}

#[test]
fn what_is_missing_is_said_to_be_missing() {
    let place = Place::new();
    let dir = &place.inside;
    assert!(dir.metadata(&path("x/y")).unwrap().is_none());
    assert!(matches!(dir.read(&path("x"), 0, 1), Err(DirectoryError::NotFound)));
    assert!(matches!(dir.remove(&path("x"), true), Err(DirectoryError::NotFound)));
    assert!(matches!(dir.list(&path("x"), None, 1), Err(DirectoryError::NotFound)));
    let root = TenantPath::root();
    assert!(matches!(dir.remove(&root, true), Err(DirectoryError::Root)));
    assert!(matches!(dir.rename(&root, &path("x")), Err(DirectoryError::Root)));
    assert!(matches!(dir.write_atomic(&root, b""), Err(DirectoryError::Root)));
    assert!(matches!(dir.read(&root, 0, 1), Err(DirectoryError::IsDirectory)));
}

#[test]
fn names_are_moved_and_removed() {
    let place = Place::new();
    let dir = &place.inside;
    dir.write_atomic(&path("a/one"), b"1").unwrap();
    dir.create_directory(&path("b")).unwrap();
    dir.rename(&path("a/one"), &path("b/two")).unwrap();
    assert_eq!(dir.read_all(&path("b/two"), 9).unwrap(), b"1");
    assert!(matches!(dir.remove(&path("b"), false), Err(DirectoryError::NotEmpty)));
    dir.remove(&path("a"), false).unwrap();
    dir.remove(&path("b"), true).unwrap();
    assert_eq!(std::fs::read_dir(place.host("")).unwrap().count(), 0);
}

#[test]
fn only_regular_files_and_directories_are_files() {
    let place = Place::new();
    place.fifo("fifo");
    let _socket = std::os::unix::net::UnixListener::bind(place.host("socket")).unwrap();
    for name in ["fifo", "socket"] {
        let refused = |result: Result<(), DirectoryError>| {
            assert!(matches!(result, Err(DirectoryError::NotRegular)), "{name}: {result:?}");
        };
        refused(place.inside.read(&path(name), 0, 1).map(drop));
        refused(place.inside.append(&path(name), b"x").map(drop));
        refused(place.inside.metadata(&path(name)).map(drop));
        place.inside.remove(&path(name), false).unwrap();
    }
}

#[test]
fn a_tree_of_any_depth_is_measured_and_removed() {
    let place = Place::new();
    let mut dir = place.inside.subdirectory(&path("deep")).unwrap();
    for level in 0..300 {
        dir.write_atomic(&path("file"), &[0; 10]).unwrap();
        dir = dir.subdirectory(&path(&format!("a-rather-long-name-{level}"))).unwrap();
    }
    place.link("deep/out", "../../outside");
    let locked = place.host("deep/locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::write(locked.join("file"), [0; 10]).unwrap();
    // `deep`, 300 directories with a file each, the last one, a link, `locked` and its file.
    let names = 1 + 2 * 300 + 1 + 2;
    assert_eq!(place.inside.disk_usage().unwrap(), 3010 + names * NAME_BYTES);
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o000)).unwrap();
    place.inside.remove(&path("deep"), true).unwrap();
    assert_eq!(place.inside.disk_usage().unwrap(), 0);
    assert!(place.inside.list(&TenantPath::root(), None, 9).unwrap().is_empty());
    place.assert_outside_untouched();
}

#[test]
fn a_directory_that_its_owner_shut_counts_all_the_same() {
    let place = Place::new();
    std::fs::create_dir(place.host("shut")).unwrap();
    std::fs::write(place.host("shut/file"), [0; 1000]).unwrap();
    std::fs::set_permissions(place.host("shut"), std::fs::Permissions::from_mode(0o000)).unwrap();
    assert_eq!(place.inside.disk_usage().unwrap(), 1000 + 2 * NAME_BYTES);
}

#[test]
fn what_is_in_memory_is_read_as_the_disk_would_be_and_no_farther() {
    let place = Place::new();
    place.inside.write_atomic(&path("note"), b"hello").unwrap();
    place.link("out", "../outside/canary");
    let read = |name: &str| place.inside.read_cached(&path(name), 1, 3);
    // The kernel may always say that it has to look; then the way that waits is taken.
    assert!(read("note").is_none_or(|bytes| bytes.unwrap() == b"ell"));
    assert!(read("absent").is_none_or(|bytes| matches!(bytes, Err(DirectoryError::NotFound))));
    assert!(read("out").is_none_or(|bytes| bytes.is_err()));
}

#[test]
fn the_metadata_of_a_link_is_that_of_what_it_leads_to() {
    let place = Place::new();
    place.inside.write_atomic(&path("note"), b"hello").unwrap();
    place.link("inner", "note");
    place.link("outer", "../outside/canary");
    assert_eq!(place.inside.metadata(&path("inner")).unwrap().unwrap().size, 5);
    assert!(matches!(place.inside.metadata(&path("outer")), Err(DirectoryError::Escapes)));
}
