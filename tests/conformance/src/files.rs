//! Whatever is done to it, the directory in memory answers as the host's does.

use crate::handler::probe::HANDLER;
use openclaw_sdk::Error;
use openclaw_sdk::files::{self as memory, Kind, Metadata};
use openclaw_sdk::testing::Tenant;
use openclaw_tenancy::{Directory, DirectoryError, FileKind, Home, TenantPath};
use proptest::prelude::*;
use proptest::sample::select;
use std::fmt::Debug;

#[derive(Clone, Debug)]
enum Step {
    Read(&'static str),
    Write(&'static str),
    Append(&'static str),
    Metadata(&'static str),
    List(&'static str),
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
        path().prop_map(Step::Read),
        path().prop_map(Step::Write),
        path().prop_map(Step::Append),
        path().prop_map(Step::Metadata),
        path().prop_map(Step::List),
        path().prop_map(Step::CreateDirectory),
        (path(), any::<bool>()).prop_map(|(path, recursive)| Step::Remove { path, recursive }),
        (path(), path()).prop_map(|(from, to)| Step::Rename { from, to }),
    ]
}

/// Does one step to both.
fn both(memory: &memory::Directory, host: &Directory, step: &Step) {
    match *step {
        Step::Read(path) => {
            let host = at(path, |path| match host.read(path, 0, 100) {
                Err(DirectoryError::NotFound) => Ok(None),
                read => read.map(Some),
            });
            compare(memory.read(path, 100), host, step);
        }
        Step::Write(path) => compare(memory.write(path, b"new"), at(path, |at| host.write_atomic(at, b"new")), step),
        Step::Append(path) => compare(memory.append(path, b"more"), at(path, |at| host.append(at, b"more")), step),
        Step::Metadata(path) => compare(
            memory.metadata(path).map(|found| found.map(shown)),
            at(path, |path| host.metadata(path)).map(|found| found.map(host_shown)),
            step,
        ),
        Step::List(path) => {
            let all = |path: &TenantPath| host.list(path, None, 1000);
            let host = if path.is_empty() { told(all(&TenantPath::root())) } else { at(path, all) };
            let memory = memory.list(path);
            compare(
                memory.map(|all| all.into_iter().map(|it| (it.name, shown(it.metadata))).collect::<Vec<_>>()),
                host.map(|all| all.into_iter().map(|it| (it.name, host_shown(it.metadata))).collect::<Vec<_>>()),
                step,
            );
        }
        Step::CreateDirectory(path) => {
            compare(memory.create_directory(path), at(path, |at| host.create_directory(at)), step);
        }
        Step::Remove { path, recursive } => {
            let removed = at(path, |path| match host.remove(path, recursive) {
                Err(DirectoryError::NotFound) => Ok(false),
                removed => removed.map(|()| true),
            });
            compare(if recursive { memory.remove_all(path) } else { memory.remove(path) }, removed, step);
        }
        Step::Rename { from, to } => {
            let host = at(from, |from| Ok(at(to, |to| host.rename(from, to)))).and_then(|renamed| renamed);
            compare(memory.rename(from, to), host, step);
        }
    }
}

/// A refusal's message; none where the host tells its log alone.
type Refused = Option<String>;

/// Does something of the host's at a path.
fn at<T>(path: &str, act: impl FnOnce(&TenantPath) -> Result<T, DirectoryError>) -> Result<T, Refused> {
    told(act(&path.parse().map_err(|error: openclaw_tenancy::PathError| Some(error.to_string()))?))
}

fn told<T>(outcome: Result<T, DirectoryError>) -> Result<T, Refused> {
    outcome.map_err(|error| (!matches!(error, DirectoryError::Io(_))).then(|| error.to_string()))
}

fn compare<T: Debug + PartialEq>(memory: Result<T, Error>, host: Result<T, Refused>, step: &Step) {
    let memory = memory.map_err(|error| (error.code != "INTERNAL").then_some(error.message));
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
        let memory = Tenant::new(HANDLER).files("probe");
        for step in &steps {
            both(&memory, &below, step);
        }
    }
}
