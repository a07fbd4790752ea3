//! A few read-only connections, opened when needed and kept.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::ControlError;
use crate::file::Database;

/// Asynchronous reads that run at once; also the most connections kept.
const CONNECTIONS: usize = 4;

pub(crate) struct Readers {
    database: Arc<Database>,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database, idle: Arc::default(), permits: Arc::new(Semaphore::new(CONNECTIONS)) }
    }

    pub(crate) async fn read<T, F>(&self, f: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, ControlError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| ControlError::Closed)?;
        let (database, idle) = (Arc::clone(&self.database), Arc::clone(&self.idle));
        tokio::task::spawn_blocking(move || {
            let result = run(&database, &idle, f);
            drop(permit);
            result
        })
        .await
        .unwrap_or(Err(ControlError::Panicked))
    }

    pub(crate) fn read_blocking<T, F>(&self, f: F) -> Result<T, ControlError>
    where
        F: FnOnce(&Connection) -> Result<T, ControlError>,
    {
        run(&self.database, &self.idle, f)
    }
}

fn run<T, F>(database: &Database, idle: &Mutex<Vec<Connection>>, f: F) -> Result<T, ControlError>
where
    F: FnOnce(&Connection) -> Result<T, ControlError>,
{
    let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let result = kept.map_or_else(|| database.open_reader(), Ok).and_then(|mut connection| {
        // A connection whose reader panicked is closed, not kept.
        let result =
            catch_unwind(AssertUnwindSafe(|| snapshot(&mut connection, f))).unwrap_or(Err(ControlError::Panicked))?;
        let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < CONNECTIONS {
            idle.push(connection);
        }
        Ok(result)
    });
    database.located(result)
}

fn snapshot<T, F>(connection: &mut Connection, f: F) -> Result<T, ControlError>
where
    F: FnOnce(&Connection) -> Result<T, ControlError>,
{
    let transaction = connection.transaction()?;
    f(&transaction)
}
