//! The transcripts of a tenant, line by line, as a gateway that was killed left them.

use std::collections::BTreeMap;

use crate::contract::*;

/// The lines of each, by the name of its log.
#[derive(Default)]
pub(super) struct Transcripts(BTreeMap<String, Vec<String>>);

impl Transcripts {
    /// Those that are there now: each well-formed, and with every line that it had before.
    pub(super) fn after(&self, home: &Home) -> Self {
        let now = Self::read(home);
        for (log, lines) in &now.0 {
            check(log, lines);
        }
        for (log, before) in &self.0 {
            let lines = now.0.get(log).unwrap_or_else(|| panic!("{log} is gone"));
            assert!(lines.starts_with(before), "{log} had {before:#?}, and has {lines:#?}");
        }
        now
    }

    /// Who has said something in a session.
    pub(super) fn roles(&self, session_id: &str) -> Vec<String> {
        let lines = self.0.get(&format!("transcript:{session_id}")).map_or(&[][..], Vec::as_slice);
        let messages = lines.iter().map(|line| parse(line)).filter(|line| line["type"] == "message");
        messages.map(|line| line["message"]["role"].as_str().expect("a role").to_owned()).collect()
    }

    fn read(home: &Home) -> Self {
        // A copy: to open the database is to mend it, which is for the gateway to do.
        let copy = tempfile::tempdir().expect("a directory");
        for name in ["state.db", "state.db-wal"] {
            let file = home.tenant("acme").join("sessions").join(name);
            if file.exists() {
                std::fs::copy(file, copy.path().join(name)).expect("a copy");
            }
        }
        let database = rusqlite::Connection::open(copy.path().join("state.db")).expect("the sessions' database");
        let lines = "SELECT log, value FROM logs WHERE log LIKE 'transcript:%' ORDER BY log, sequence";
        let mut statement = database.prepare(lines).expect("its table");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        let mut transcripts = Self::default();
        for row in rows {
            let (log, line): (String, Vec<u8>) = row.expect("a line");
            transcripts.0.entry(log).or_default().push(String::from_utf8(line).expect("text"));
        }
        transcripts
    }
}

/// The header, and behind it lines of which each names the one before.
fn check(log: &str, lines: &[String]) {
    let mut leaf = Value::Null;
    for (number, line) in lines.iter().map(|line| parse(line)).enumerate() {
        if number == 0 {
            assert_eq!(line["type"], "session", "{log}: {line}");
            continue;
        }
        assert_eq!(line["parentId"], leaf, "{log}: {line}");
        leaf = line["id"].clone();
        assert!(leaf.is_string(), "{log}: {line}");
    }
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("a torn line: {error}: {line:?}"))
}
