//! Whatever is done to it, the database in memory answers as the host's does.

use super::Store;
use crate::Error;
use crate::bindings::openclaw::gateway::documents::{
    Append, Delete, Document, Entry, Expectation, Operation, Order, Put, Range, Trim,
};
use openclaw_control::Durability;
use openclaw_documents as host;
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
    Put { key: &'static str, rank: i64, expect: Expected },
    Delete { key: &'static str, expect: Expected },
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
    memory: Store,
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
            Ok::<_, HomeError>(DatabasePlace { directory, name: "state.db" })
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut both = Self { memory: Store::default(), host, versions: HashMap::new(), runtime };
        // The host's file is made by the first write: until then it looks at nothing.
        both.transact(&[Write::Append(1)]);
        both
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Transact(writes) => self.transact(writes),
            Step::Get(key) => {
                let (memory, host) = (self.memory.get("c", key), self.runtime.block_on(self.host.get("c", key)));
                let host = host.map(|found| found.map(|document| self.seen(document)));
                same(memory.map(|found| found.map(seen)), host);
            }
            Step::GetMany(keys) => {
                let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
                let memory = self.memory.get_many("c", &keys);
                let host = self.runtime.block_on(self.host.get_many("c", keys));
                let host = host.map(|all| all.into_iter().map(|it| it.map(|it| self.seen(it))).collect::<Vec<_>>());
                same(memory.map(|all| all.into_iter().map(|it| it.map(seen)).collect::<Vec<_>>()), host);
            }
            Step::Scan { prefix, skip, limit, order } => self.scan(prefix, *skip, *limit, *order),
            Step::Count(prefix) => {
                same(self.memory.count("c", prefix), self.runtime.block_on(self.host.count("c", prefix)));
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
        let (memory, host): (Vec<_>, Vec<_>) = writes.iter().map(|write| self.operations(write)).unzip();
        let puts: Vec<bool> = memory.iter().map(|operation| matches!(operation, Operation::Put(_))).collect();
        let memory = self.memory.transact(&memory);
        let host = self.runtime.block_on(self.host.transact(host));
        if let (Ok(memory), Ok(host)) = (&memory, &host) {
            let versions = puts.iter().zip(memory.iter().zip(host)).filter(|(is_put, _)| **is_put);
            self.versions.extend(versions.map(|(_, (memory, host))| (*host, *memory)));
        }
        let numbers = |host: Vec<u64>| {
            let known = |(is_put, number): (&bool, u64)| if *is_put { self.versions[&number] } else { number };
            puts.iter().zip(host).map(known).collect::<Vec<_>>()
        };
        same(memory, host.map(numbers));
    }

    /// One write for each of the two.
    fn operations(&self, write: &Write) -> (Operation, host::Operation) {
        match write.clone() {
            Write::Put { key, rank, expect } => {
                let (memory, host) = self.expectations(key, &expect);
                let value = format!("{key} {rank}").into_bytes();
                let put = Put { collection: "c".into(), key: key.into(), value: value.clone(), rank, expect: memory };
                let other = host::Operation::Put { collection: "c".into(), key: key.into(), value, rank, expect: host };
                (Operation::Put(put), other)
            }
            Write::Delete { key, expect } => {
                let (memory, host) = self.expectations(key, &expect);
                let other = host::Operation::Delete { collection: "c".into(), key: key.into(), expect: host };
                (Operation::Delete(Delete { collection: "c".into(), key: key.into(), expect: memory }), other)
            }
            Write::Append(count) => {
                let entries = vec![b"entry".to_vec(); count];
                let other = host::Operation::Append { log: "l".into(), entries: entries.clone() };
                (Operation::Append(Append { log: "l".into(), entries }), other)
            }
            Write::Trim(keep) => {
                let other = host::Operation::TrimLog { log: "l".into(), keep_last: keep };
                (Operation::Trim(Trim { log: "l".into(), keep }), other)
            }
        }
    }

    fn expectations(&self, key: &str, expected: &Expected) -> (Expectation, host::Expectation) {
        match expected {
            Expected::Any => (Expectation::Any, host::Expectation::Any),
            Expected::Absent => (Expectation::Absent, host::Expectation::Absent),
            Expected::Version { current } => {
                let memory = self.memory.get("c", key).ok().flatten().map_or(u64::MAX, |found| found.version);
                let host =
                    self.versions.iter().find(|(_, known)| **known == memory).map_or(u64::MAX, |(host, _)| *host);
                match current {
                    true => (Expectation::Version(memory), host::Expectation::Version(host)),
                    false => (Expectation::Version(u64::MAX), host::Expectation::Version(u64::MAX)),
                }
            }
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
            let memory = self.memory.scan("c", &range);
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
fn same<T: Debug + PartialEq>(memory: Result<T, Error>, host: host::Result<T>) {
    assert_eq!(memory.map_err(|error| error.message), host.map_err(|error| error.to_string()));
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
