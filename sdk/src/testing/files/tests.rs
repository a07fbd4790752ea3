//! Whatever is done to it, the directory in memory answers as the host's does.

use super::{Path, Tree};
use crate::Error;
use crate::bindings::openclaw::gateway::files::{Kind, Metadata};
use openclaw_tenancy::{Directory, DirectoryError, FileKind, Home, TenantPath};
use proptest::prelude::*;
use proptest::sample::select;
use std::fmt::Debug;

#[derive(Clone, Debug)]
enum Step {
    Read { path: &'static str, offset: u64 },
    Write(&'static str),
    Append(&'static str),
    Metadata(&'static str),
    List { path: &'static str, limit: usize },
    CreateDirectory(&'static str),
    Remove { path: &'static str, recursive: bool },
    Rename { from: &'static str, to: &'static str },
}

const PATHS: &[&str] = &[
    "a",
    "b",
    "a/b",
    "a/b/c",
    "a/c",
    "b/a",
    "",
    "/a",
    "a//b",
    "a/",
    ".",
    "a/../b",
    "a\\b",
    "a\nb",
    "a\u{ff0f}b",
    "\u{2025}",
    ".openclaw-tmp-1",
];

fn path() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => select(&PATHS[..6]), 1 => select(PATHS)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (path(), 0..9_u64).prop_map(|(path, offset)| Step::Read { path, offset }),
        path().prop_map(Step::Write),
        path().prop_map(Step::Append),
        path().prop_map(Step::Metadata),
        (path(), 0..3_usize).prop_map(|(path, limit)| Step::List { path, limit }),
        path().prop_map(Step::CreateDirectory),
        (path(), any::<bool>()).prop_map(|(path, recursive)| Step::Remove { path, recursive }),
        (path(), path()).prop_map(|(from, to)| Step::Rename { from, to }),
    ]
}

/// Does one step to both.
fn both(memory: &mut Tree, host: &Directory, step: &Step) {
    match *step {
        Step::Read { path, offset } => compare(
            at(path, |path| memory.read(path, offset, 4)),
            host_at(path, |path| host.read(path, offset, 4)),
            step,
        ),
        Step::Write(path) => {
            compare(at(path, |at| memory.write(at, b"new")), host_at(path, |at| host.write_atomic(at, b"new")), step);
        }
        Step::Append(path) => {
            compare(at(path, |at| memory.append(at, b"more")), host_at(path, |at| host.append(at, b"more")), step);
        }
        Step::Metadata(path) => compare(
            at(path, |path| memory.metadata(path)).map(|found| found.map(shown)),
            host_at(path, |path| host.metadata(path)).map(|found| found.map(host_shown)),
            step,
        ),
        Step::List { path, limit } => {
            let limited = u32::try_from(limit).unwrap();
            let memory = at(path, |path| memory.list(path, Some("a"), limited));
            let host = host_at(path, |path| host.list(path, Some("a"), limit));
            compare(
                memory.map(|all| all.into_iter().map(|it| (it.name, shown(it.metadata))).collect::<Vec<_>>()),
                host.map(|all| all.into_iter().map(|it| (it.name, host_shown(it.metadata))).collect::<Vec<_>>()),
                step,
            );
        }
        Step::CreateDirectory(path) => {
            compare(at(path, |at| memory.create_directory(at)), host_at(path, |at| host.create_directory(at)), step);
        }
        Step::Remove { path, recursive } => {
            let removed = |host: Result<(), DirectoryError>| match host {
                Err(DirectoryError::NotFound) => Ok(false),
                removed => removed.map(|()| true),
            };
            compare(
                at(path, |path| memory.remove(path, recursive)),
                host_at(path, |path| removed(host.remove(path, recursive))),
                step,
            );
        }
        Step::Rename { from, to } => compare(
            at(from, |from| Ok(at(to, |to| memory.rename(from, to)))).and_then(|renamed| renamed),
            host_at(from, |from| Ok(host_at(to, |to| host.rename(from, to)))).and_then(|renamed| renamed),
            step,
        ),
    }
}

/// A refusal's message; none where the host tells its log alone.
type Refused = Option<String>;

fn at<T>(path: &str, act: impl FnOnce(&Path) -> super::Result<T>) -> Result<T, Refused> {
    let told = |error: Error| (error.code != "INTERNAL").then_some(error.message);
    act(&path.parse().map_err(told)?).map_err(|refusal| told(refusal.into()))
}

fn host_at<T>(path: &str, act: impl FnOnce(&TenantPath) -> Result<T, DirectoryError>) -> Result<T, Refused> {
    let path = path.parse().map_err(|error: openclaw_tenancy::PathError| Some(error.to_string()))?;
    act(&path).map_err(|error| (!matches!(error, DirectoryError::Io(_))).then(|| error.to_string()))
}

fn compare<T: Debug + PartialEq>(memory: Result<T, Refused>, host: Result<T, Refused>, step: &Step) {
    assert_eq!(memory, host, "{step:?}");
}

/// The size of a directory is its file system's.
fn shown(metadata: Metadata) -> (bool, u64) {
    let is_file = metadata.kind == Kind::File;
    (is_file, if is_file { metadata.size } else { 0 })
}

fn host_shown(metadata: openclaw_tenancy::Metadata) -> (bool, u64) {
    let is_file = metadata.kind == FileKind::File;
    (is_file, if is_file { metadata.size } else { 0 })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_answers_as_the_hosts(steps in prop::collection::vec(step(), 1..25)) {
        let home = tempfile::tempdir().unwrap();
        let host = Home::open(home.path()).unwrap().directory().clone();
        let below = host.subdirectory(&"probe".parse().unwrap()).unwrap();
        let mut memory = Tree::default();
        for step in &steps {
            both(&mut memory, &below, step);
        }
    }
}
