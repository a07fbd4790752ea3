//! The store against bare rusqlite of the same durability, and the designs for reaching a database
//! from async code against each other: `cargo bench -p openclaw-documents`. Compare within one run.
//!
//! `bare` is one thread calling SQLite, with nothing around it. The other rows are called from tasks
//! on a multi-thread runtime: `inline` under a mutex on the task's own thread, `blocking` by
//! `spawn_blocking`, `thread` by a channel to a thread of the database, `store` is this crate.
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::future::Future;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use openclaw_control::Durability;
use openclaw_documents::{Database, DatabaseId, Expectation, Operation, Order, Range, Store, StoreSettings};
use openclaw_tenancy::{DatabasePlace, Home, HomeError};
use rusqlite::{Connection, params};

const DOCUMENTS: usize = 100;
const VALUE: [u8; 400] = [b'x'; 400];
const ROUNDS: usize = 7;
const RUN: Duration = Duration::from_millis(150);

#[derive(Clone, Copy, Debug)]
enum Work {
    Get,
    Scan,
    Put,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    println!("calls/s (share of bare)       {:>9} {:>18} {:>18}", "bare", "1 task", "16 tasks");
    for durability in [Durability::Process, Durability::PowerSafe] {
        for work in [Work::Get, Work::Scan, Work::Put] {
            if matches!((durability, work), (Durability::PowerSafe, Work::Get | Work::Scan)) {
                continue;
            }
            table(&runtime, durability, work);
        }
    }
}

fn table(runtime: &tokio::runtime::Runtime, durability: Durability, work: Work) {
    let home = tempfile::tempdir().unwrap();
    let bare = connection(&home.path().join("bare.db"), durability);
    let shared = Arc::new(Mutex::new(connection(&home.path().join("shared.db"), durability)));
    let inline = {
        let shared = Arc::clone(&shared);
        move |key| {
            let shared = Arc::clone(&shared);
            async move { run(&shared.lock().unwrap(), work, key) }
        }
    };
    row(&format!("{durability:?} {work:?} inline"), &bare, runtime, work, inline);
    let blocking = move |key| {
        let shared = Arc::clone(&shared);
        async move {
            tokio::task::spawn_blocking(move || run(&shared.lock().unwrap(), work, key)).await.unwrap();
        }
    };
    row(&format!("{durability:?} {work:?} blocking"), &bare, runtime, work, blocking);
    let requests = thread_of(connection(&home.path().join("thread.db"), durability), work);
    let threaded = move |key| {
        let requests = requests.clone();
        async move {
            let (answer, answered) = tokio::sync::oneshot::channel();
            requests.send((key, answer)).unwrap();
            answered.await.unwrap();
        }
    };
    row(&format!("{durability:?} {work:?} thread"), &bare, runtime, work, threaded);
    let store = Store::new(StoreSettings::with_durability(durability));
    let database = opened(runtime, &store, home.path());
    let stored = move |key| {
        let database = database.clone();
        async move { call(&database, work, key).await }
    };
    row(&format!("{durability:?} {work:?} store"), &bare, runtime, work, stored);
    runtime.block_on(store.close_all());
}

/// Prints the medians of rounds in which the design and the bare calls take turns, so that a change
/// in the machine's load meets both.
fn row<F: Future<Output = ()> + Send + 'static>(
    name: &str,
    bare: &Connection,
    runtime: &tokio::runtime::Runtime,
    work: Work,
    call: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
) {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let bare = bare_rate(bare, work);
        let (one, many) = (rate(runtime, 1, call.clone()), rate(runtime, 16, call.clone()));
        rounds.push([bare, one, many, one / bare, many / bare]);
    }
    let median = |column: usize| {
        let mut values: Vec<f64> = rounds.iter().map(|round| round[column]).collect();
        values.sort_by(f64::total_cmp);
        values[ROUNDS / 2]
    };
    println!(
        "{name:<28} {:>10.0} {:>10.0} ({:>5.2}) {:>10.0} ({:>5.2})",
        median(0),
        median(1),
        median(3),
        median(2),
        median(4)
    );
}

/// Calls a second, from tasks that each wait for their own answer.
fn rate<F: Future<Output = ()> + Send + 'static>(
    runtime: &tokio::runtime::Runtime,
    tasks: usize,
    call: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
) -> f64 {
    let end = Instant::now() + RUN;
    let spawn = |task: usize| {
        let call = call.clone();
        runtime.spawn(async move {
            let mut calls = 0_usize;
            while Instant::now() < end {
                call(task * 31 + calls).await;
                calls += 1;
            }
            calls
        })
    };
    let tasks: Vec<_> = (0..tasks).map(spawn).collect();
    let calls: usize = tasks.into_iter().map(|task| runtime.block_on(task).unwrap()).sum();
    calls as f64 / RUN.as_secs_f64()
}

fn bare_rate(connection: &Connection, work: Work) -> f64 {
    let end = Instant::now() + RUN;
    let mut calls = 0;
    while Instant::now() < end {
        run(connection, work, calls);
        calls += 1;
    }
    calls as f64 / RUN.as_secs_f64()
}

fn thread_of(connection: Connection, work: Work) -> mpsc::Sender<(usize, tokio::sync::oneshot::Sender<()>)> {
    let (sender, receiver) = mpsc::channel::<(usize, tokio::sync::oneshot::Sender<()>)>();
    thread::spawn(move || {
        for (key, answer) in receiver {
            run(&connection, work, key);
            answer.send(()).unwrap();
        }
    });
    sender
}

fn key(n: usize) -> String {
    format!("agent:main:direct:{:06}", n % DOCUMENTS)
}

/// What a careful user of rusqlite would open: WAL, SQLite's own checkpoints, cached statements.
fn connection(path: &Path, durability: Durability) -> Connection {
    #[allow(clippy::disallowed_methods, reason = "a database of this bench")]
    let connection = Connection::open(path).unwrap();
    let synchronous = if durability == Durability::Process { "NORMAL" } else { "FULL" };
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous};
             CREATE TABLE documents (collection TEXT, key TEXT, value BLOB, version INTEGER, rank INTEGER,
                 PRIMARY KEY (collection, key)) WITHOUT ROWID;
             CREATE INDEX documents_by_rank ON documents (collection, rank DESC, key);"
        ))
        .unwrap();
    for n in 0..DOCUMENTS {
        run(&connection, Work::Put, n);
    }
    connection
}

fn run(connection: &Connection, work: Work, n: usize) {
    const COLUMNS: &str = "key, value, version, rank FROM documents WHERE collection = 'sessions'";
    let statement = match work {
        Work::Get => format!("SELECT {COLUMNS} AND key = ?1"),
        Work::Scan => format!("SELECT {COLUMNS} ORDER BY rank DESC, key LIMIT 100"),
        Work::Put => "INSERT OR REPLACE INTO documents VALUES ('sessions', ?1, ?2, ?3, ?3)".to_owned(),
    };
    let mut statement = connection.prepare_cached(&statement).unwrap();
    let mut rows = match work {
        Work::Get => statement.query([key(n)]).unwrap(),
        Work::Scan => statement.query([]).unwrap(),
        Work::Put => {
            statement.execute(params![key(n), VALUE, n]).unwrap();
            return;
        }
    };
    let mut documents: Vec<(String, Vec<u8>, i64, i64)> = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        documents.push((row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap(), row.get(3).unwrap()));
    }
    assert_eq!(documents.len(), if matches!(work, Work::Get) { 1 } else { DOCUMENTS });
}

fn opened(runtime: &tokio::runtime::Runtime, store: &Store, home: &Path) -> Database {
    let home = home.join("bench");
    let id = DatabaseId { tenant: "bench".parse().unwrap(), family: "sessions".parse().unwrap() };
    let database = store.database(id, move || {
        let directory = Home::open(&home)?.directory().clone();
        Ok::<_, HomeError>(DatabasePlace {
            directory,
            name: "state.db".to_owned(),
            shown: "sessions/state.db".to_owned(),
        })
    });
    for n in 0..DOCUMENTS {
        runtime.block_on(call(&database, Work::Put, n));
    }
    database
}

async fn call(database: &Database, work: Work, n: usize) {
    match work {
        Work::Get => assert!(database.get("sessions", &key(n)).await.unwrap().is_some()),
        Work::Scan => {
            let range = Range { prefix: String::new(), after: None, skip: 0, limit: 100, order: Order::RankDescending };
            assert_eq!(database.scan("sessions", range).await.unwrap().documents.len(), DOCUMENTS);
        }
        Work::Put => {
            let put = Operation::Put {
                collection: "sessions".to_owned(),
                key: key(n),
                value: VALUE.to_vec(),
                rank: n as i64,
                expect: Expectation::Any,
            };
            database.transact(vec![put]).await.unwrap();
        }
    }
}
