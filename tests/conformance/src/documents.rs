//! Whatever is done to it, the database in memory answers as the host's does.

use crate::handler::probe::HANDLER;
use openclaw_control::Durability;
use openclaw_documents as host;
use openclaw_sdk::documents::{Database, Document, Entry, Order, Range, Transaction};
use openclaw_sdk::testing::Tenant;
use openclaw_sdk::{Error, Result};
use openclaw_tenancy::{DatabasePlace, Home, HomeError};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::HashMap;
use std::fmt::Debug;

#[derive(Clone, Debug)]
enum Step {
    Transact(Vec<Write>),
    Get(&'static str),
    GetMany(Vec<&'static str>),
    /// All pages, each of `limit`.
    Scan {
        prefix: &'static str,
        skip: u32,
        limit: u32,
        order: Order,
    },
    Count(&'static str),
    ReadLog {
        after: u64,
        limit: u32,
    },
    TailLog(u32),
    LogLength,
}

#[derive(Clone, Debug)]
enum Write {
    Put {
        key: &'static str,
        rank: i64,
        expect: Expected,
    },
    /// Of the version that there is, where that is asked.
    Delete {
        key: &'static str,
        expect: Expected,
    },
    Append(usize),
    Trim(u64),
}

#[derive(Clone, Debug)]
enum Expected {
    Any,
    Absent,
    /// The version that the key has, or one that it never had.
    Version {
        current: bool,
    },
}

const KEYS: &[&str] = &["a", "a:1", "a:2", "ab", "b", "č", "\u{10ffff}", "", "a\nb"];

fn key() -> impl Strategy<Value = &'static str> {
    select(KEYS)
}

fn expected() -> impl Strategy<Value = Expected> {
    prop_oneof![
        4 => Just(Expected::Any),
        1 => Just(Expected::Absent),
        2 => prop::bool::weighted(0.8).prop_map(|current| Expected::Version { current }),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        4 => (key(), -2..3_i64, expected()).prop_map(|(key, rank, expect)| Write::Put { key, rank, expect }),
        1 => (key(), expected()).prop_map(|(key, expect)| Write::Delete { key, expect }),
        1 => (0..4_usize).prop_map(Write::Append),
        1 => (0..4_u64).prop_map(Write::Trim),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let order = select(vec![Order::KeyAscending, Order::KeyDescending, Order::RankAscending, Order::RankDescending]);
    prop_oneof![
        4 => prop::collection::vec(write(), 0..5).prop_map(Step::Transact),
        1 => key().prop_map(Step::Get),
        1 => prop::collection::vec(key(), 0..4).prop_map(Step::GetMany),
        3 => (key(), 0..3_u32, 0..4_u32, order)
            .prop_map(|(prefix, skip, limit, order)| Step::Scan { prefix, skip, limit, order }),
        1 => key().prop_map(Step::Count),
        1 => (0..8_u64, 0..4_u32).prop_map(|(after, limit)| Step::ReadLog { after, limit }),
        1 => (0..4_u32).prop_map(Step::TailLog),
        1 => Just(Step::LogLength),
    ]
}

/// Both databases, and which version of the one is which of the other.
struct Both {
    memory: Database,
    host: host::Database,
    versions: HashMap<u64, u64>,
    runtime: tokio::runtime::Runtime,
}

/// What can be compared: versions by what they are in memory.
type Seen = (String, Vec<u8>, i64, u64);

impl Both {
    fn new(home: &std::path::Path) -> Self {
        let store = host::Store::new(host::StoreSettings::with_durability(Durability::Process));
        let home = home.to_owned();
        let id = host::DatabaseId { tenant: "acme".parse().unwrap(), family: "probe".parse().unwrap() };
        let host = store.database(id, move || {
            let directory = Home::open(&home)?.directory().clone();
            Ok::<_, HomeError>(DatabasePlace { directory, name: "state.db".to_owned(), shown: "state.db".to_owned() })
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut both = Self { memory: Tenant::new(HANDLER).database("probe"), host, versions: HashMap::new(), runtime };
        // The host's file is made by the first write: until then it looks at nothing.
        both.transact(&[Write::Append(1)]);
        both
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Transact(writes) => self.transact(writes),
            Step::Get(key) => {
                let (memory, host) =
                    (self.memory.collection("c").document(key), self.runtime.block_on(self.host.get("c", key)));
                let host = host.map(|found| found.map(|document| self.seen(document)));
                same(memory.map(|found| found.map(seen)), host);
            }
            Step::GetMany(keys) => {
                let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
                let memory = self.memory.collection("c").get_many(&keys);
                let host = self.runtime.block_on(self.host.get_many("c", keys));
                let host = host.map(|all| all.into_iter().map(|it| it.map(|it| self.seen(it))).collect::<Vec<_>>());
                same(memory.map(|all| all.into_iter().map(|it| it.map(seen)).collect::<Vec<_>>()), host);
            }
            Step::Scan { prefix, skip, limit, order } => self.scan(prefix, *skip, *limit, *order),
            Step::Count(prefix) => {
                same(self.memory.collection("c").count(prefix), self.runtime.block_on(self.host.count("c", prefix)));
            }
            Step::ReadLog { after, limit } => {
                let host = self.runtime.block_on(self.host.log_read("l", *after, *limit));
                same(self.memory.read_log("l", *after, *limit).map(entries), host.map(host_entries));
            }
            Step::TailLog(limit) => {
                let host = self.runtime.block_on(self.host.log_tail("l", *limit));
                same(self.memory.tail_log("l", *limit).map(entries), host.map(host_entries));
            }
            Step::LogLength => same(self.memory.log_length("l"), self.runtime.block_on(self.host.log_length("l"))),
        }
    }

    fn transact(&mut self, writes: &[Write]) {
        let host = writes.iter().map(|write| self.operation(write)).collect();
        let memory = writes.iter().try_fold(self.memory.transaction(), |all, write| self.add_to(all, write));
        let memory = memory.and_then(Transaction::commit);
        let host = self.runtime.block_on(self.host.transact(host));
        let is_put: Vec<bool> = writes.iter().map(|write| matches!(write, Write::Put { .. })).collect();
        if let (Ok(memory), Ok(host)) = (&memory, &host) {
            let versions = is_put.iter().zip(memory.iter().zip(host)).filter(|(is_put, _)| **is_put);
            self.versions.extend(versions.map(|(_, (memory, host))| (*host, *memory)));
        }
        let numbers = |host: Vec<u64>| {
            let known = |(is_put, number): (&bool, u64)| if *is_put { self.versions[&number] } else { number };
            is_put.iter().zip(host).map(known).collect::<Vec<_>>()
        };
        same(memory, host.map(numbers));
    }

    fn add_to<'a>(&self, all: Transaction<'a>, write: &Write) -> Result<Transaction<'a>> {
        Ok(match write {
            Write::Put { key, rank, expect: Expected::Any } => all.put("c", key, &value(key, *rank), *rank)?,
            Write::Put { key, rank, expect: Expected::Absent } => all.insert("c", key, &value(key, *rank), *rank)?,
            Write::Put { key, rank, expect: Expected::Version { current } } => {
                all.update("c", key, &value(key, *rank), *rank, self.version(key, *current).0)?
            }
            Write::Delete { key, expect: Expected::Version { current } } => {
                all.delete_version("c", key, self.version(key, *current).0)
            }
            Write::Delete { key, .. } => all.delete("c", key),
            Write::Append(count) => all.append("l", vec![b"entry".to_vec(); *count]),
            Write::Trim(keep) => all.trim("l", *keep),
        })
    }

    fn operation(&self, write: &Write) -> host::Operation {
        let expectation = |key: &str, expect: &Expected| match expect {
            Expected::Any => host::Expectation::Any,
            Expected::Absent => host::Expectation::Absent,
            Expected::Version { current } => host::Expectation::Version(self.version(key, *current).1),
        };
        match write {
            Write::Put { key, rank, expect } => host::Operation::Put {
                collection: "c".into(),
                key: (*key).into(),
                value: serde_json::to_vec(&value(key, *rank)).unwrap(),
                rank: *rank,
                expect: expectation(key, expect),
            },
            Write::Delete { key, expect } => host::Operation::Delete {
                collection: "c".into(),
                key: (*key).into(),
                // A handler has no way to ask that what it deletes is not there.
                expect: match expect {
                    Expected::Absent => host::Expectation::Any,
                    expect => expectation(key, expect),
                },
            },
            Write::Append(count) => {
                host::Operation::Append { log: "l".into(), entries: vec![b"entry".to_vec(); *count] }
            }
            Write::Trim(keep) => host::Operation::TrimLog { log: "l".into(), keep_last: *keep },
        }
    }

    /// The version that a key has in memory and with the host, or one that it never had.
    fn version(&self, key: &str, current: bool) -> (u64, u64) {
        let memory = self.memory.collection("c").document(key).ok().flatten().map(|found| found.version);
        let host = self.versions.iter().find(|(_, known)| Some(**known) == memory).map(|(host, _)| *host);
        match (memory, host) {
            (Some(memory), Some(host)) if current => (memory, host),
            _ => (u64::MAX, u64::MAX),
        }
    }

    fn scan(&self, prefix: &str, skip: u32, limit: u32, order: Order) {
        let host_order = match order {
            Order::KeyAscending => host::Order::KeyAscending,
            Order::KeyDescending => host::Order::KeyDescending,
            Order::RankAscending => host::Order::RankAscending,
            Order::RankDescending => host::Order::RankDescending,
        };
        let mut after = None;
        loop {
            let range = Range { prefix: prefix.into(), after: after.clone(), skip, limit, order };
            let other = host::Range { prefix: prefix.into(), after, skip, limit, order: host_order };
            let memory = self.memory.collection("c").scan(&range);
            let host = self.runtime.block_on(self.host.scan("c", other));
            after = memory.as_ref().ok().and_then(|page| page.next.clone());
            let memory = memory.map(|page| (page.documents.into_iter().map(seen).collect::<Vec<_>>(), page.next));
            let host =
                host.map(|page| (page.documents.into_iter().map(|it| self.seen(it)).collect::<Vec<_>>(), page.next));
            same(memory, host);
            if after.is_none() {
                return;
            }
        }
    }

    fn seen(&self, document: host::Document) -> Seen {
        (document.key, document.value, document.rank, self.versions[&document.version])
    }
}

fn value(key: &str, rank: i64) -> String {
    format!("{key} {rank}")
}

fn seen(document: Document) -> Seen {
    (document.key, document.value, document.rank, document.version)
}

fn entries(entries: Vec<Entry>) -> Vec<(u64, Vec<u8>)> {
    entries.into_iter().map(|entry| (entry.sequence, entry.value)).collect()
}

fn host_entries(entries: Vec<host::LogEntry>) -> Vec<(u64, Vec<u8>)> {
    entries.into_iter().map(|entry| (entry.sequence, entry.value)).collect()
}

/// The same answer, or a refusal in the same words.
fn same<T: Debug + PartialEq>(memory: Result<T>, host: host::Result<T>) {
    assert_eq!(memory.map_err(|error: Error| error.message), host.map_err(|error| error.to_string()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_answers_as_the_hosts(steps in prop::collection::vec(step(), 1..30)) {
        let home = tempfile::tempdir().unwrap();
        let mut both = Both::new(home.path());
        for step in &steps {
            both.step(step);
        }
    }
}
