//! The promises of the control database, on real files.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use tempfile::TempDir;

use crate::{ControlDb, ControlError, Durability, writer};

const NOTES: &[&str] = &["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE) STRICT"];

fn fresh() -> (TempDir, PathBuf, ControlDb) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("control.db");
    let db = ControlDb::open(&path, Durability::Process).unwrap();
    db.migrate("notes", NOTES).unwrap();
    (home, path, db)
}

fn add(tx: &rusqlite::Connection, text: &str) -> Result<i64, ControlError> {
    tx.execute("INSERT INTO notes (text) VALUES (?1)", [text])?;
    Ok(tx.last_insert_rowid())
}

fn count(db: &ControlDb) -> i64 {
    db.read_blocking(|db| Ok(db.query_row("SELECT count(*) FROM notes", [], |row| row.get(0))?)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_concurrent_writes_are_all_there_and_outlive_the_handle() {
    let (_home, path, db) = fresh();
    let db = Arc::new(db);
    let writes: Vec<_> = (0..1000)
        .map(|n| {
            let db = Arc::clone(&db);
            tokio::spawn(async move { db.write(move |tx| add(tx, &n.to_string())).await.unwrap() })
        })
        .collect();
    for write in writes {
        write.await.unwrap();
    }
    assert_eq!(count(&db), 1000);
    drop(db);
    let again = ControlDb::open(&path, Durability::PowerSafe).unwrap();
    assert_eq!(count(&again), 1000);
    assert!(again.integrity_check().unwrap().is_empty());
}

/// Whoever was answered gets on while the next are written.
#[test]
fn what_comes_while_a_transaction_runs_is_for_the_next() {
    let (_directory, _, db) = fresh();
    let (later, (seen, sees)) = (db.clone(), mpsc::channel());
    let first = move |tx: &rusqlite::Transaction<'_>| {
        add(tx, "first")?;
        let reader = later.clone();
        let look = move |_: &rusqlite::Transaction<'_>| Ok(count(&reader));
        later.writer.send_blocking(writer::job(look, move |committed| drop(seen.send(committed))))
    };
    db.write_blocking(first).unwrap();
    assert_eq!(sees.recv().unwrap().unwrap(), 1, "the first is committed by then");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_or_a_panic_undoes_one_write_alone() {
    let (_home, _path, db) = fresh();
    let (good, refused, panicked, also_good) = tokio::join!(
        db.write(|tx| add(tx, "one")),
        db.write(|tx| {
            add(tx, "undone")?;
            Err::<(), _>(ControlError::rejected(std::fmt::Error))
        }),
        db.write(|tx| -> Result<(), ControlError> {
            add(tx, "undone too")?;
            panic!("a bug in one operation")
        }),
        db.write(|tx| add(tx, "two")),
    );
    good.unwrap();
    also_good.unwrap();
    assert!(refused.unwrap_err().rejection::<std::fmt::Error>().is_ok());
    assert!(matches!(panicked, Err(ControlError::Panicked)));
    assert_eq!(count(&db), 2);
}

#[test]
fn a_transaction_that_cannot_be_committed_is_undone_and_keeps_nobody_from_the_next() {
    let (_home, _, db) = fresh();
    let child = "CREATE TABLE replies (note INTEGER REFERENCES notes DEFERRABLE INITIALLY DEFERRED) STRICT";
    db.migrate("replies", &[child]).unwrap();
    // To nothing that there is: SQLite looks when it commits.
    let orphan = db.write_blocking(|tx| {
        add(tx, "undone")?;
        tx.execute("INSERT INTO replies VALUES (7)", [])?;
        Ok(())
    });
    assert!(matches!(orphan, Err(ControlError::NotCommitted(_))), "{orphan:?}");
    assert_eq!(count(&db), 0);
    db.write_blocking(|tx| add(tx, "kept")).unwrap();
    assert_eq!(count(&db), 1);
}

#[tokio::test]
async fn reads_cannot_write() {
    let (_home, _path, db) = fresh();
    let result = db.read(|db| Ok(db.execute("INSERT INTO notes (text) VALUES ('x')", [])?)).await;
    assert!(matches!(result, Err(ControlError::Sqlite(_))));
    assert_eq!(count(&db), 0);
}

#[test]
fn queued_writes_are_finished_when_the_last_handle_goes() {
    let (_home, path, db) = fresh();
    let clone = db.clone();
    let thread = std::thread::spawn(move || {
        for n in 0..100 {
            clone.write_blocking(move |tx| add(tx, &n.to_string())).unwrap();
        }
    });
    drop(db);
    thread.join().unwrap();
    assert_eq!(count(&ControlDb::open(&path, Durability::Process).unwrap()), 100);
}

#[test]
fn steps_run_once_and_a_newer_file_is_refused() {
    let (_home, _path, db) = fresh();
    let two = [NOTES[0], "ALTER TABLE notes ADD COLUMN colour TEXT"];
    db.migrate("notes", &two).unwrap();
    db.migrate("notes", &two).unwrap();
    let error = db.migrate("notes", NOTES).unwrap_err();
    assert!(matches!(error, ControlError::NewerSchema { found: 2, known: 1, .. }));
}

#[test]
fn a_failing_step_leaves_the_old_version() {
    let (_home, _path, db) = fresh();
    let broken = [NOTES[0], "CREATE TABLE more (id INTEGER)", "not SQL"];
    assert!(db.migrate("notes", &broken).is_err());
    db.migrate("notes", &[NOTES[0], "CREATE TABLE more (id INTEGER)"]).unwrap();
}

#[test]
fn a_file_that_is_no_control_database_is_refused_and_kept() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("control.db");
    let other = home.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    let mut scrambled = database_bytes();
    scrambled[100..4096].fill(0xA5);
    let mut truncated = database_bytes();
    truncated.truncate(4096 + 512);
    for bytes in [Vec::new(), b"garbage".to_vec(), vec![0; 8192], std::fs::read(&other).unwrap(), scrambled, truncated]
    {
        std::fs::write(&path, &bytes).unwrap();
        let error = ControlDb::open(&path, Durability::Process).err().unwrap();
        assert!(matches!(error, ControlError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("control.db"));
        assert!(bytes == std::fs::read(&path).unwrap());
    }
}

#[test]
fn damage_found_later_is_named_and_the_file_stays_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("control.db");
    let mut bytes = database_bytes();
    let second_page = 4096;
    bytes[second_page..].fill(0xA5);
    std::fs::write(&path, &bytes).unwrap();
    let error = match ControlDb::open(&path, Durability::Process) {
        Ok(db) => db
            .read_blocking(|db| Ok(db.query_row("SELECT text FROM notes", [], |row| row.get::<_, String>(0))?))
            .unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, ControlError::Damaged { .. }), "{error}");
    assert!(bytes == std::fs::read(&path).unwrap());
}

/// Whether any file of the database holds these bytes.
fn on_disk(path: &std::path::Path, text: &str) -> bool {
    let files = std::fs::read_dir(path.parent().unwrap()).unwrap();
    let contents = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    contents.into_iter().any(|content| content.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn what_is_erased_is_in_no_file_when_it_is_answered() {
    let (_home, path, db) = fresh();
    db.write(|tx| add(tx, "SECRET")).await.unwrap();
    db.write(|tx| add(tx, "kept")).await.unwrap();
    assert!(on_disk(&path, "SECRET"));
    db.erase(|tx| Ok(tx.execute("DELETE FROM notes WHERE text = 'SECRET'", [])?)).await.unwrap();
    assert!(!on_disk(&path, "SECRET"));
    assert!(on_disk(&path, "kept"));
}

#[tokio::test]
async fn what_a_reader_keeps_from_being_erased_goes_with_the_next_write() {
    let (_home, path, db) = fresh();
    db.write(|tx| add(tx, "SECRET")).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN; SELECT * FROM notes").unwrap();
    db.erase(|tx| Ok(tx.execute("DELETE FROM notes", [])?)).await.unwrap();
    assert!(on_disk(&path, "SECRET"), "the reader still sees it");
    other.execute_batch("COMMIT").unwrap();
    db.write(|tx| add(tx, "another")).await.unwrap();
    assert!(!on_disk(&path, "SECRET"));
    assert_eq!(count(&db), 1);
}

#[test]
fn the_log_keeps_within_its_bound_under_load_and_is_emptied_at_the_end() {
    const TEXT: usize = 256 << 10;
    // The text is in the table and in its index.
    let pages_of_a_note = u32::try_from(2 * TEXT / 4_096 + 64).unwrap();
    let (home, path, db) = fresh();
    let log = home.path().join("control.db-wal");
    let bytes = || std::fs::metadata(&log).unwrap().len();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let db = db.clone();
            std::thread::spawn(move || {
                for n in 0..40 {
                    let text = format!("{writer} {n} {}", "x".repeat(TEXT));
                    db.write_blocking(move |tx| add(tx, &text)).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    // Its file does not shrink: that is the longest that it was. Four writes may be one transaction.
    let most = u64::from(crate::log::MOST + 4 * pages_of_a_note) * (4_096 + 24);
    assert!(bytes() <= most, "{} bytes, of {most} at the most", bytes());
    assert_eq!(count(&db), 160);
    drop(db);
    assert_eq!(bytes(), 0);
    let again = ControlDb::open(&path, Durability::Process).unwrap();
    assert_eq!(count(&again), 160);
    assert!(again.integrity_check().unwrap().is_empty());
}

#[test]
fn the_file_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (home, _path, db) = fresh();
    db.write_blocking(|tx| add(tx, "x")).unwrap();
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

fn database_bytes() -> Vec<u8> {
    let (_home, path, db) = fresh();
    db.write_blocking(|tx| add(tx, "x")).unwrap();
    drop(db);
    std::fs::read(path).unwrap()
}

/// What the notes of a batch have in common: how many they are, written once.
struct Notes;

struct Added<'tx> {
    db: &'tx rusqlite::Connection,
    count: i64,
}

impl crate::Common for Notes {
    type Within<'tx> = Added<'tx>;

    fn begin<'tx>(&self, db: &'tx rusqlite::Connection) -> Added<'tx> {
        Added { db, count: 0 }
    }

    fn write(added: Added<'_>) -> Result<(), ControlError> {
        added.db.execute("INSERT INTO batches VALUES (?1)", [added.count])?;
        Ok(())
    }
}

fn batch() -> (TempDir, ControlDb, crate::Batch<Notes>) {
    let (home, _path, db) = fresh();
    db.migrate("batches", &["CREATE TABLE batches (notes INTEGER NOT NULL) STRICT"]).unwrap();
    (home, db.clone(), crate::Batch::new(db, Notes))
}

fn sizes(db: &ControlDb) -> Vec<i64> {
    let read = |db: &rusqlite::Connection| {
        let mut rows = db.prepare("SELECT notes FROM batches ORDER BY notes")?;
        Ok(rows.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    };
    db.read_blocking(read).unwrap()
}

/// Keeps the writer busy until it is told, so that what comes meanwhile waits together.
fn busy(db: &ControlDb) -> mpsc::Sender<()> {
    let (done, wait) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let db = db.clone();
    std::thread::spawn(move || {
        db.write_blocking(move |_| {
            begun.send(()).unwrap();
            wait.recv().unwrap();
            Ok(())
        })
    });
    has_begun.recv().unwrap();
    done
}

#[tokio::test]
async fn writes_that_wait_together_share_what_is_written_once() {
    let (_home, db, batch) = batch();
    let done = busy(&db);
    let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
    for n in 0..10 {
        let answers = answers.clone();
        let note = move |added: &mut Added<'_>| {
            added.count += 1;
            add(added.db, &n.to_string())
        };
        batch.submit(note, move |id| answers.send((n + 1, id.unwrap())).unwrap());
    }
    done.send(()).unwrap();
    for _ in 0..10 {
        let (n, id) = answered.recv().await.unwrap();
        assert_eq!(n, id, "each in its turn");
    }
    assert_eq!(sizes(&db), [10]);
}

#[tokio::test]
async fn no_more_share_a_batch_than_the_writer_takes_at_once_and_each_has_its_turn() {
    const NOTES: i64 = 3 * writer::JOB as i64 + 5;
    let (_home, db, batch) = batch();
    let done = busy(&db);
    let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
    for n in 1..=NOTES {
        let answers = answers.clone();
        let note = move |added: &mut Added<'_>| {
            added.count += 1;
            add(added.db, &n.to_string())
        };
        batch.submit(note, move |id| answers.send((n, id.unwrap())).unwrap());
    }
    done.send(()).unwrap();
    for _ in 1..=NOTES {
        let (n, id) = answered.recv().await.unwrap();
        assert_eq!(n, id, "each in its turn");
    }
    let most = writer::JOB as i64;
    assert_eq!(sizes(&db), [5, most, most, most]);
}

/// Eleven come while the first runs, of whom the first is refused where one is to fail.
fn with_latecomers(batch: &Arc<crate::Batch<Notes>>, fails: bool) -> mpsc::Receiver<Result<i64, ControlError>> {
    let (answers, answered) = mpsc::channel();
    let (later, mut has_run) = (Arc::clone(batch), false);
    let answer = move |answers: &mpsc::Sender<_>| {
        let answers = answers.clone();
        move |id| answers.send(id).unwrap()
    };
    let of_latecomers = answers.clone();
    let first = move |added: &mut Added<'_>| {
        for n in 0..if has_run { 0 } else { 11 } {
            let note = move |added: &mut Added<'_>| {
                added.count += 1;
                let id = add(added.db, &n.to_string())?;
                if fails && n == 0 { Err(ControlError::rejected(std::fmt::Error)) } else { Ok(id) }
            };
            later.submit(note, answer(&of_latecomers));
        }
        has_run = true;
        added.count += 1;
        add(added.db, "first")
    };
    batch.submit(first, answer(&answers));
    answered
}

#[test]
fn who_comes_while_a_batch_runs_joins_it_as_long_as_enough_wait_for_the_next() {
    let (_home, db, batch) = batch();
    let batch = Arc::new(batch);
    let answered = with_latecomers(&batch, false);
    let ids: Vec<_> = answered.iter().take(12).map(Result::unwrap).collect();
    assert_eq!(ids, (1..=12).collect::<Vec<_>>(), "each in its turn");
    // Of eleven nine joined; of the two that were left ten are five times as many.
    assert_eq!(sizes(&db), [2, 10]);
}

#[test]
fn who_joins_a_batch_and_fails_undoes_itself_alone() {
    let (_home, db, batch) = batch();
    let batch = Arc::new(batch);
    let answered = with_latecomers(&batch, true);
    let refused = answered.iter().take(12).filter(Result::is_err).count();
    assert_eq!((refused, count(&db)), (1, 11));
    assert_eq!(sizes(&db).iter().sum::<i64>(), 11, "what failed left nothing in common");
}

#[tokio::test]
async fn a_transaction_holds_no_more_writes_than_its_bound_whatever_waits() {
    let (home, db, batch) = batch();
    let committed = rusqlite::Connection::open(home.path().join("control.db")).unwrap();
    let committed = Arc::new(std::sync::Mutex::new(committed));
    let done = busy(&db);
    let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
    for n in 0..1000 {
        let (db, committed, answers) = (db.clone(), committed.clone(), answers.clone());
        let note = move |tx: &rusqlite::Connection| {
            let all = add(tx, &n.to_string())?;
            let count = "SELECT count(*) FROM notes";
            let before: i64 = committed.lock().unwrap().query_row(count, [], |row| row.get(0))?;
            Ok(all - before)
        };
        if n % 3 == 0 {
            tokio::spawn(async move { answers.send(db.write(move |tx| note(tx)).await.unwrap()).unwrap() });
        } else {
            batch.submit(
                move |added: &mut Added<'_>| note(added.db),
                move |count| answers.send(count.unwrap()).unwrap(),
            );
        }
    }
    done.send(()).unwrap();
    for _ in 0..1000 {
        let writes = answered.recv().await.unwrap();
        assert!(writes <= writer::GROUP as i64, "{writes} in one transaction");
    }
}

/// Calls run on several runtimes, some of which stand back behind others.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_shares_a_batch_is_answered_whatever_becomes_of_the_runtime_that_asked_first() {
    let (_home, db, batch) = batch();
    let done = busy(&db);
    let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
    // Nobody drives it.
    let asleep = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let submit = |text: &'static str| {
        let answers = answers.clone();
        batch.submit(move |added: &mut Added<'_>| add(added.db, text), move |id| answers.send(id.unwrap()).unwrap());
    };
    {
        let _context = asleep.enter();
        submit("first");
    }
    submit("second");
    done.send(()).unwrap();
    assert_eq!((answered.recv().await, answered.recv().await), (Some(1), Some(2)));
    asleep.shutdown_background();
}

#[tokio::test]
async fn of_a_batch_an_error_or_a_panic_undoes_itself_alone() {
    let (_home, db, batch) = batch();
    let done = busy(&db);
    let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
    for text in ["one", "refused", "panics", "two"] {
        let answers = answers.clone();
        let note = move |added: &mut Added<'_>| {
            added.count += 1;
            let id = add(added.db, text)?;
            match text {
                "refused" => Err(ControlError::rejected(std::fmt::Error)),
                "panics" => panic!("a bug in one of them"),
                _ => Ok(id),
            }
        };
        batch.submit(note, move |id| answers.send(id).unwrap());
    }
    done.send(()).unwrap();
    let mut results = Vec::new();
    for _ in 0..4 {
        results.push(answered.recv().await.unwrap());
    }
    assert!(matches!(results[..], [Ok(1), Err(ControlError::Rejected(_)), Err(ControlError::Panicked), Ok(2)]));
    assert_eq!(count(&db), 2);
    assert_eq!(sizes(&db), [1, 1], "what failed left nothing in common");
}
