//! Attacks: hostile names, planted links, links swapped during the call.

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::{CANARY, Place, path, paths};
use crate::{Directory, DirectoryError, TenantPath};

const ROUNDS: usize = 3000;

/// Everything that can be done with a path; the answer is what was read.
fn everything(dir: &Directory, path: &TenantPath) -> Vec<u8> {
    let mut seen = dir.read(path, 0, 1000).unwrap_or_default();
    seen.extend(dir.read_all(path, 1000).unwrap_or_default());
    for entry in dir.list(path, None, 100).unwrap_or_default() {
        seen.extend(entry.name.bytes());
    }
    if let Ok(Some(metadata)) = dir.metadata(path) {
        assert_ne!(metadata.size, CANARY.len() as u64);
    }
    if let Ok(below) = dir.subdirectory(path) {
        seen.extend(below.read(&"canary".parse().unwrap(), 0, 1000).unwrap_or_default());
    }
    let _ = dir.append(path, b"written");
    let _ = dir.write_atomic(path, b"written");
    let _ = dir.create_directory(path);
    let _ = dir.rename(path, &"moved".parse().unwrap());
    let _ = dir.rename(&"moved".parse().unwrap(), path);
    let _ = dir.remove(path, true);
    seen
}

fn planted() -> Place {
    let place = Place::new();
    std::fs::create_dir_all(place.host("dir/sub")).unwrap();
    std::fs::write(place.host("dir/a"), b"mine").unwrap();
    place.link("link", "../outside");
    place.link("up", "..");
    place.link("loop", "loop");
    place.link("dir/link", "../../outside");
    place.link("dir/up", "../..");
    place.link("canary", "../outside/canary");
    place.link("magic", "/proc/self/cwd");
    symlink(place.home.path().join("outside"), place.host("abs")).unwrap();
    symlink(place.home.path().join("outside/canary"), place.host("a")).unwrap();
    place
}

#[test]
fn no_planted_link_leads_out() {
    for text in [
        "link",
        "link/canary",
        "link/new",
        "up",
        "up/outside/canary",
        "up/new",
        "loop",
        "abs",
        "abs/canary",
        "a",
        "dir/link/canary",
        "dir/up/outside/canary",
        "canary",
        "magic",
        "magic/x",
        "link/a/b/c",
    ] {
        let place = planted();
        let seen = everything(&place.inside, &path(text));
        assert!(!contains_canary(&seen), "{text}");
        place.assert_outside_untouched();
    }
}

#[test]
fn a_link_that_leaves_is_named_as_the_reason() {
    let place = planted();
    assert!(matches!(place.inside.read(&path("canary"), 0, 9), Err(DirectoryError::Escapes)));
    assert!(matches!(place.inside.metadata(&path("abs")), Err(DirectoryError::Escapes)));
    assert!(matches!(place.inside.append(&path("canary"), b"x"), Err(DirectoryError::Link)));
    assert!(matches!(place.inside.subdirectory(&path("link")), Err(DirectoryError::Link)));
    assert!(matches!(place.inside.read(&path("loop"), 0, 9), Err(DirectoryError::Link)));
}

#[test]
fn a_link_that_stays_is_followed_for_reading_and_replaced_by_writing() {
    let place = Place::new();
    place.inside.write_atomic(&path("deep/file"), b"one").unwrap();
    place.link("alias", "deep/../deep/file");
    assert_eq!(place.inside.read_all(&path("alias"), 9).unwrap(), b"one");
    place.inside.write_atomic(&path("alias"), b"two").unwrap();
    assert_eq!(place.inside.read_all(&path("deep/file"), 9).unwrap(), b"one");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_hostile_name_reaches_outside(texts in proptest::collection::vec(paths::hostile_text(), 1..4)) {
        let place = planted();
        for path in texts.iter().filter_map(|text| text.parse().ok()) {
            let seen = everything(&place.inside, &path);
            prop_assert!(!contains_canary(&seen), "{}", path);
        }
        place.assert_outside_untouched();
    }
}

/// `dir` is a directory at one moment and a link to the outside at the next.
#[test]
fn a_link_swapped_during_the_call_reaches_nothing_outside() {
    let place = Place::new();
    std::fs::create_dir(place.host("dir")).unwrap();
    std::fs::write(place.host("dir/canary"), b"mine").unwrap();
    symlink("../outside", place.host("link")).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, place.host("dir"), CWD, place.host("link"), RenameFlags::EXCHANGE).unwrap();
            }
        });
        for round in 0..ROUNDS {
            // Only what the swapper does not need is written and removed.
            let seen = place.inside.read(&path("dir/canary"), 0, 100).unwrap_or_default();
            assert!(!contains_canary(&seen), "round {round}");
            let _ = place.inside.append(&path("dir/added"), b"x");
            let _ = place.inside.rename(&path("dir/added"), &path("dir/renamed"));
            let _ = place.inside.remove(&path("dir/renamed"), true);
            let _ = place.inside.create_directory(&path("dir/made"));
            let _ = place.inside.remove(&path("dir/made"), true);
            if round % 16 == 0 {
                let _ = place.inside.write_atomic(&path("dir/whole"), b"x");
            }
            place.assert_outside_untouched();
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// The tree being removed has a directory that turns into a link and back.
#[test]
fn removing_a_tree_never_follows_a_link_that_appears_in_it() {
    let place = Place::new();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = std::fs::create_dir_all(place.host("tree/dir"));
                let _ = symlink("../../outside", place.host("tree/link"));
                let _ = rustix::fs::renameat_with(
                    rustix::fs::CWD,
                    place.host("tree/dir"),
                    rustix::fs::CWD,
                    place.host("tree/link"),
                    rustix::fs::RenameFlags::EXCHANGE,
                );
            }
        });
        for _ in 0..ROUNDS {
            let _ = place.inside.remove(&path("tree"), true);
            let _ = place.inside.disk_usage();
            place.assert_outside_untouched();
        }
        stop.store(true, Ordering::Relaxed);
    });
}

fn contains_canary(bytes: &[u8]) -> bool {
    bytes.windows(CANARY.len()).any(|window| window == CANARY)
}
