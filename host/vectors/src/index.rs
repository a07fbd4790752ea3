//! One index as its callers have it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openclaw_tenancy::{DatabasePlace, TenantPath};

use crate::database::Database;
use crate::store::{Shared, Slot};
use crate::{Error, Result, kept, limits, search};

/// What is found by its vector, by its text or by both.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub id: String,
    /// One that is all zero is found by its text alone.
    pub vector: Vec<f32>,
    pub text: String,
    /// Given back with a hit.
    pub attributes: Vec<u8>,
}

/// What is searched for.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Empty: by text alone.
    pub vector: Vec<f32>,
    /// Empty: by vector alone.
    pub text: String,
    pub limit: usize,
    /// How much the vector counts against the text, 0.0 to 1.0.
    pub vector_weight: f32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    pub id: String,
    /// 0.0 to 1.0, higher is nearer.
    pub score: f32,
    pub text: String,
    pub attributes: Vec<u8>,
}

/// A vector under the name of what it was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub key: String,
    pub vector: Vec<f32>,
}

/// Says, while work is under way and every so often, whether it goes on.
pub type GoesOn = dyn FnMut() -> bool + Send;

pub(crate) type Watch = Arc<Mutex<GoesOn>>;

type Place = dyn Fn() -> Result<DatabasePlace> + Send + Sync;

/// A handle on one index. Nothing is opened before it is used, and no file is made before something is written.
#[derive(Clone)]
pub struct Index {
    store: Arc<Shared>,
    slot: Arc<Slot>,
    place: Arc<Place>,
    dimensions: usize,
    watch: Option<Watch>,
}

impl Index {
    pub(crate) fn new(store: Arc<Shared>, slot: Arc<Slot>, place: Arc<Place>, dimensions: usize) -> Self {
        Self { store, slot, place, dimensions, watch: None }
    }

    /// The same for one operation, which is given up ([`Error::Stopped`]) once this says that it does not go on.
    #[must_use]
    pub fn watched(self, goes_on: impl FnMut() -> bool + Send + 'static) -> Self {
        Self { watch: Some(Arc::new(Mutex::new(goes_on))), ..self }
    }

    /// Refuses a file of another number of dimensions; answers whether there is one at all.
    pub fn check(&self) -> Result<bool> {
        limits::dimensions(self.dimensions)?;
        self.with(false, false, |_| Ok(true))
    }

    /// Adds items, or replaces those of the same id: all or none of them.
    pub fn upsert(&self, items: &[Item]) -> Result<()> {
        limits::items(items, self.dimensions)?;
        if items.is_empty() {
            return Ok(());
        }
        self.with(true, (), |database| database.upsert(items))
    }

    /// Removes items; answers how many there were.
    pub fn delete(&self, ids: &[String]) -> Result<u32> {
        limits::ids(ids)?;
        self.with(false, 0, |database| database.delete(ids))
    }

    /// The nearest items, the nearest first.
    pub fn search(&self, query: &Query) -> Result<Vec<Hit>> {
        limits::query(query, self.dimensions)?;
        self.with(false, Vec::new(), |database| database.read(|connection| search::search(connection, query)))
    }

    /// How many items there are.
    pub fn count(&self) -> Result<u64> {
        self.with(false, 0, |database| Ok(database.items()))
    }

    /// What is kept under these keys, in their order.
    pub fn recall(&self, keys: &[String]) -> Result<Vec<Option<Vec<f32>>>> {
        limits::keys(keys.iter())?;
        let nothing = vec![None; keys.len()];
        self.with(false, nothing, |database| database.read(|connection| kept::recall(connection, keys)))
    }

    /// Keeps vectors; the oldest give way to them.
    pub fn keep(&self, vectors: &[Kept]) -> Result<()> {
        limits::kept(vectors, self.dimensions)?;
        if vectors.is_empty() {
            return Ok(());
        }
        self.with(true, (), |database| database.write(|connection| kept::keep(connection, vectors)))
    }

    /// Removes the file with all that is in it; false where there is none.
    pub fn remove(&self) -> Result<bool> {
        let mut open = self.lock();
        self.store.refuse_held(&self.slot.id.tenant)?;
        self.store.close(&self.slot, &mut open);
        let place = (self.place)()?;
        let was_there = place.identity().is_some();
        // The file goes last: a WAL without one would be taken for the sign of a loss.
        for suffix in ["-wal", "-shm", "-journal", ""] {
            let name = format!("{}{suffix}", place.name);
            let path: TenantPath = name.parse().map_err(io)?;
            if place.directory.metadata(&path).map_err(io)?.is_some() {
                place.directory.remove(&path, false).map_err(io)?;
            }
        }
        Ok(was_there)
    }

    /// Works on the open file, or answers `absent` where there is none.
    fn with<T>(&self, create: bool, absent: T, work: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        let mut open = self.lock();
        if open.is_none() {
            self.store.make_room(&self.slot.id.tenant)?;
            self.store.refuse_held(&self.slot.id.tenant)?;
            let name = self.slot.id.name.to_string();
            let Some(database) = Database::open((self.place)()?, &name, self.dimensions, create)? else {
                return Ok(absent);
            };
            *open = Some(database);
            self.store.opened(&self.slot);
        }
        self.store.used(&self.slot);
        let Some(database) = &mut *open else { return Ok(absent) };
        if database.dimensions() != self.dimensions {
            let has = database.dimensions();
            return Err(Error::Invalid(format!("the index has {has} dimensions, not {}", self.dimensions)));
        }
        let worked = match self.watch.clone() {
            Some(watch) => database.watched(watch, work),
            None => work(database),
        };
        if matches!(worked, Err(Error::Damaged(_))) {
            tracing::error!(tenant = %self.slot.id.tenant, index = %self.slot.id.name, "a vector index is damaged");
        }
        worked
    }

    fn lock(&self) -> MutexGuard<'_, Option<Database>> {
        self.slot.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn io(error: impl std::fmt::Display) -> Error {
    Error::Io(error.to_string())
}
