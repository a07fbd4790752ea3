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
    pub(crate) fn tell(&self, error: &rusqlite::Error) {
        let identity = self.place.identity();
        let mut told = self.reports.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(self.id.clone(), identity) != Some(identity) {
            tracing::error!(
                tenant = %self.id.tenant,
                file = self.place.shown,
                reason = reason(error),
                "a database is damaged and left as it is: calls that need it fail until it is restored from a backup"
            );
        }
    }
}

/// What SQLite says of a damaged file, without its path.
pub(crate) fn reason(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => rusqlite::ffi::code_to_str(failure.extended_code).to_owned(),
        other => other.to_string(),
    }
}
