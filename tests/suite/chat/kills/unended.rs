//! A run whose end a gateway had not written yet that was killed. No pause is between that write and the one before it,
//! in which a test could kill: the end of a run that has ended is taken away again.

use crate::contract::*;

/// Takes the end of a run away: it has its turn still, and is the only one of its session.
pub(super) fn take_end(home: &Home, id: &str, session_key: &str) {
    let file = home.tenant("acme").join("plugins/chat/state.db");
    let database = rusqlite::Connection::open(file).expect("the runs' database");
    let of_run = "SELECT value FROM documents WHERE collection = 'runs' AND key = ?1";
    let stored: Vec<u8> = database.query_row(of_run, [id], |row| row.get(0)).expect("the run");
    let mut run: Value = serde_json::from_slice(&stored).expect("JSON");
    assert_eq!(run["status"], "ok", "{run}");
    run["status"] = "running".into();
    for name in ["endedAt", "error", "outcome"] {
        run[name] = Value::Null;
    }
    let update = "UPDATE documents SET value = ?2 WHERE collection = 'runs' AND key = ?1";
    database.execute(update, (id, run.to_string().into_bytes())).expect("the run");
    let lane = json!({ "running": id, "waiting": [] }).to_string().into_bytes();
    let insert = "INSERT INTO documents (collection, key, value, version, rank)
        SELECT 'lanes', ?1, ?2, value, 0 FROM meta WHERE name = 'version'
        ON CONFLICT (collection, key) DO UPDATE SET value = excluded.value";
    database.execute(insert, (session_key, lane)).expect("its lane");
}
