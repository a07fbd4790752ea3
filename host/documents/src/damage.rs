//! Telling the operator of a damaged database: once, until its file changes. The calls that meet it
//! are many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use openclaw_tenancy::{DatabasePlace, FileIdentity};

use crate::DatabaseId;

/// What was told, by database: the state of the file that it was about.
#[derive(Default)]
pub(crate) struct DamageReports {
    told: Mutex<HashMap<DatabaseId, Option<FileIdentity>>>,
}

/// Reports about one database.
pub(crate) struct Reporter {
    pub(crate) id: DatabaseId,
    pub(crate) place: DatabasePlace,
    pub(crate) reports: Arc<DamageReports>,
}

impl Reporter {
    pub(crate) fn tell(&self, reason: &str) {
        let identity = self.place.identity();
        let mut told = self.reports.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(self.id.clone(), identity) != Some(identity) {
            tracing::error!(
                tenant = %self.id.tenant,
                file = self.place.shown,
                reason,
                "a database is damaged and left as it is: calls that need it fail until it is restored from a backup"
            );
        }
    }
}

/// What is wrong where only the WAL is left: SQLite would make an empty database, and throw the WAL away.
pub(crate) const LOST: &str = "its file was removed or emptied, and its -wal was not";

/// Whether that is so, by the sizes of both; none where there is no such file.
pub(crate) fn is_lost_beside_wal(database: Option<u64>, wal: Option<u64>) -> bool {
    // The file is written before there is a WAL.
    database.unwrap_or_default() == 0 && wal.is_some()
}

/// What SQLite says of a damaged file, without its path.
pub(crate) fn reason(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => rusqlite::ffi::code_to_str(failure.extended_code).to_owned(),
        other => other.to_string(),
    }
}
