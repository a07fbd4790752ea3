//! The insert of `sessions.create` as a careful user of rusqlite writes it: one
//! connection a tenant, WAL, cached statements, a mutex.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use openclaw_tenancy::{Home, TenantId};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::handlers::now_ms;

const FILE: &str = "bare.db";

pub(crate) struct BareSqlite {
    home: Arc<Home>,
    tenants: Mutex<HashMap<TenantId, Arc<Mutex<Connection>>>>,
}

impl BareSqlite {
    pub(crate) fn new(home: Arc<Home>) -> Self {
        Self { home, tenants: Mutex::default() }
    }

    /// Answers what `sessions.create` answers.
    pub(crate) fn create(&self, tenant: &TenantId) -> Result<String> {
        let connection = self.connection(tenant)?;
        let (key, row, now) = row();
        insert(&connection.lock().unwrap_or_else(PoisonError::into_inner), &key, &row, now)?;
        let id = row["sessionId"].clone();
        Ok(json!({ "ok": true, "key": key, "sessionId": id, "entry": row }).to_string())
    }

    fn connection(&self, tenant: &TenantId) -> Result<Arc<Mutex<Connection>>> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = tenants.get(tenant) {
            return Ok(connection.clone());
        }
        let connection = Arc::new(Mutex::new(open(&self.home.tenant_path(tenant).join(FILE))?));
        tenants.insert(tenant.clone(), connection.clone());
        Ok(connection)
    }
}

/// A new session: its key, its row, when it was made.
pub(crate) fn row() -> (String, serde_json::Value, u64) {
    let now = now_ms();
    let key = format!("agent:main:direct:{}", ulid::Ulid::new());
    let row = json!({ "key": key, "kind": "direct", "updatedAt": now, "sessionId": ulid::Ulid::new().to_string() });
    (key, row, now)
}

/// The gateway's schema, with the durability of its default: what was answered survives `kill -9`.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
         CREATE TABLE IF NOT EXISTS documents (collection TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
             version INTEGER NOT NULL, rank INTEGER NOT NULL, PRIMARY KEY (collection, key)) WITHOUT ROWID;
         CREATE INDEX IF NOT EXISTS documents_by_rank ON documents (collection, rank DESC, key);",
    )?;
    Ok(connection)
}

/// Looks whether the session exists, and inserts it.
pub(crate) fn insert(connection: &Connection, key: &str, row: &serde_json::Value, now: u64) -> Result<()> {
    let mut look =
        connection.prepare_cached("SELECT version FROM documents WHERE collection = 'sessions' AND key = ?1")?;
    if look.query_row([key], |row| row.get::<_, i64>(0)).optional()?.is_none() {
        let mut put = connection.prepare_cached("INSERT INTO documents VALUES ('sessions', ?1, ?2, 1, ?3)")?;
        put.execute(params![key, serde_json::to_vec(row)?, now.cast_signed()])?;
    }
    Ok(())
}
