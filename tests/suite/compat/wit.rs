//! `wit/` only grows.

use std::{fs, path::Path};

use openclaw_tests::workspace;
use tempfile::TempDir;

use super::{releases, surface::Surface};

#[test]
fn every_release_is_still_served() {
    let now = Surface::read(&workspace().join("wit"));
    for release in releases() {
        let broken = Surface::read(&release.join("wit")).broken_by(&now);
        assert!(
            broken.is_empty(),
            "wit/ breaks components built against {}: {broken:#?}\n\
             Add beside what is there, or give the package a version of another line.",
            release.display()
        );
    }
}

/// What the present contract's components would miss after these edits of `wit/`.
fn edited(edits: &[(&str, &str, &str)]) -> Vec<String> {
    let folder = TempDir::new().expect("a folder");
    let original = workspace().join("wit");
    copy(&original, folder.path());
    for (file, from, to) in edits {
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).expect("the file");
        assert!(text.contains(from), "{file} has no {from:?} any more");
        fs::write(&path, text.replacen(from, to, 1)).expect("the edit");
    }
    Surface::read(&original).broken_by(&Surface::read(folder.path()))
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("a folder");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

#[track_caller]
fn breaks(edits: &[(&str, &str, &str)], entry: &str) {
    let broken = edited(edits);
    assert!(broken.iter().any(|sentence| sentence.starts_with(entry)), "{entry} is not among {broken:#?}");
}

const SEQUENCE: &str = "publish: func(event: string, payload: list<u8>) -> result<u64, error>;";

#[test]
fn what_is_gone_breaks() {
    breaks(&[("log.wit", "debug,", "")], "log type level was enum {debug, info, warn, error}");
    breaks(&[("events.wit", SEQUENCE, "")], "events func [method]bus.publish is gone");
    breaks(&[("world.wit", "    import vectors;\n", "")], "world handler import vectors is gone");
    breaks(
        &[("documents.wit", "        rank: s64,\n    }\n\n    enum", "    }\n\n    enum")],
        "documents type document",
    );
}

#[test]
fn what_is_different_breaks() {
    breaks(&[("events.wit", "result<u64, error>", "result<u32, error>")], "events func [method]bus.publish was");
    breaks(&[("events.wit", "event: string, payload", "name: string, payload")], "events func [method]bus.publish was");
    breaks(&[("documents.wit", "version(u64)", "version(u32)")], "documents type expectation");
}

#[test]
fn what_grows_inside_breaks() {
    breaks(
        &[("documents.wit", "        rank: s64,\n", "        rank: s64,\n        note: string,\n")],
        "documents type document",
    );
    breaks(
        &[("documents.wit", "        absent,\n", "        absent,\n        present,\n")],
        "documents type expectation",
    );
    breaks(
        &[("world.wit", "    export component;\n}", "    export component;\n    export subscriber;\n}")],
        "world handler export subscriber is new",
    );
}

#[test]
fn additions_do_not() {
    let more = format!("{SEQUENCE}\n        close: func();");
    let interface =
        ("log.wit", "interface log {", "interface tracing { start: func(name: string); }\n\ninterface log {");
    let import = ("world.wit", "    import log;\n", "    import log;\n    import tracing;\n");
    assert_eq!(edited(&[("events.wit", SEQUENCE, &more)]), [""; 0]);
    assert_eq!(edited(&[interface, import]), [""; 0]);
    let world = "world streaming-handler { export component; }\n\nworld capabilities {";
    assert_eq!(edited(&[("world.wit", "world capabilities {", world)]), [""; 0]);
    assert_eq!(
        edited(&[(
            "documents.wit",
            "    record document {",
            "    record note { text: string }\n\n    record document {"
        )]),
        [""; 0]
    );
}

#[test]
fn a_version_of_another_line_may_break() {
    let bumped: Vec<String> = every_file().into_iter().filter(|file| !file.starts_with("deps")).collect();
    let mut edits: Vec<(&str, &str, &str)> = bumped
        .iter()
        .map(|file| (file.as_str(), "package openclaw:gateway@0.1.0", "package openclaw:gateway@0.2.0"))
        .collect();
    edits.push(("events.wit", SEQUENCE, ""));
    assert_eq!(edited(&edits), [""; 0]);
    for edit in &mut edits[..bumped.len()] {
        edit.2 = "package openclaw:gateway@0.1.1";
    }
    breaks(&edits, "events func [method]bus.publish is gone");
}

fn every_file() -> Vec<String> {
    let files = openclaw_tests::home::files_below(&workspace().join("wit"));
    files.iter().map(|file| file.to_str().expect("a name").to_owned()).collect()
}
