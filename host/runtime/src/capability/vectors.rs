//! `vectors`: indexes of the calling tenant and the component's own family.
//!
//! What an index does blocks, a search as long as it takes to look at every vector: it runs on a thread that may, in the
//! tenant's turn among long calls and slice by slice. Its processor time is the call's, and where that is used up, or
//! the call is gone, it is given up.

use std::sync::{Arc, atomic::Ordering};

use openclaw_tenancy::IndexName;
use openclaw_vectors as store;
use wasmtime::component::Resource;

use super::CapabilityError;
use crate::{
    bindings::openclaw::gateway::vectors::{self, Hit, Item, Kept, Query},
    call::CallState,
    capability::calls::Call,
    limits::Limit,
    meter::{Slices, thread_cpu_ns},
};

/// What an item takes of the disk besides what is in it, and the room that is set aside for vectors at once.
const ITEM_BYTES: usize = 512;
const VECTORS_AHEAD: usize = 256;

/// An index of the calling tenant and the component's own family.
#[derive(Clone)]
pub struct OwnIndex {
    index: store::Index,
    dimensions: usize,
    /// What the first write takes, where there is no file yet.
    file_bytes: usize,
}

impl vectors::Host for CallState {
    async fn open(
        &mut self,
        _call: Resource<Call>,
        name: String,
        dimensions: u32,
    ) -> Result<Resource<OwnIndex>, CapabilityError> {
        let dimensions = dimensions as usize;
        let index = self.index(&name, dimensions)?;
        let is_there = self.on_index(index.clone(), store::Index::check).await?;
        let file_bytes = if is_there { 0 } else { store::FILE_BYTES };
        Ok(self.table.push(OwnIndex { index, dimensions, file_bytes })?)
    }

    async fn remove(&mut self, _call: Resource<Call>, name: String) -> Result<bool, CapabilityError> {
        let index = self.index(&name, 1)?;
        let was_there = self.on_index(index, store::Index::remove).await?;
        if was_there {
            self.services.disks.freed(self.tenant()?);
        }
        Ok(was_there)
    }
}

impl vectors::HostIndex for CallState {
    async fn upsert(&mut self, index: Resource<OwnIndex>, items: Vec<Item>) -> Result<(), CapabilityError> {
        let handle = index;
        let OwnIndex { index, dimensions, file_bytes } = self.opened_index(&handle)?;
        // The words are kept twice, as they are and as they are found.
        let bytes = items.iter().map(|item| item.text.len() * 2 + item.id.len() + item.attributes.len() + ITEM_BYTES);
        let vectors = (items.len() + VECTORS_AHEAD) * dimensions * size_of::<f32>();
        let _room = self.room_for((bytes.sum::<usize>() + vectors + file_bytes) as u64).await?;
        let items: Vec<store::Item> = items.into_iter().map(store::Item::from).collect();
        self.on_index(index, move |index| index.upsert(&items)).await?;
        self.has_file(&handle)
    }

    async fn delete(&mut self, index: Resource<OwnIndex>, ids: Vec<String>) -> Result<u32, CapabilityError> {
        let OwnIndex { index, .. } = self.opened_index(&index)?;
        let removed = self.on_index(index, move |index| index.delete(&ids)).await?;
        if removed > 0 {
            self.services.disks.freed(self.tenant()?);
        }
        Ok(removed)
    }

    async fn search(&mut self, index: Resource<OwnIndex>, query: Query) -> Result<Vec<Hit>, CapabilityError> {
        let OwnIndex { index, .. } = self.opened_index(&index)?;
        let query = store::Query {
            vector: query.vector,
            text: query.text,
            limit: query.limit as usize,
            vector_weight: query.vector_weight,
        };
        let hits = self.on_index(index, move |index| index.search(&query)).await?;
        Ok(hits.into_iter().map(Hit::from).collect())
    }

    async fn count(&mut self, index: Resource<OwnIndex>) -> Result<u64, CapabilityError> {
        let OwnIndex { index, .. } = self.opened_index(&index)?;
        self.on_index(index, store::Index::count).await
    }

    async fn recall(&mut self, index: Resource<OwnIndex>, keys: Vec<String>) -> Result<Vec<Vec<f32>>, CapabilityError> {
        let OwnIndex { index, .. } = self.opened_index(&index)?;
        let kept = self.on_index(index, move |index| index.recall(&keys)).await?;
        Ok(kept.into_iter().map(Option::unwrap_or_default).collect())
    }

    async fn keep(&mut self, index: Resource<OwnIndex>, vectors: Vec<Kept>) -> Result<(), CapabilityError> {
        let handle = index;
        let OwnIndex { index, dimensions, file_bytes } = self.opened_index(&handle)?;
        let each = dimensions * size_of::<f32>() + ITEM_BYTES;
        let _room = self.room_for((vectors.len() * each + file_bytes) as u64).await?;
        let vectors: Vec<store::Kept> =
            vectors.into_iter().map(|kept| store::Kept { key: kept.key, vector: kept.vector }).collect();
        self.on_index(index, move |index| index.keep(&vectors)).await?;
        self.has_file(&handle)
    }

    async fn drop(&mut self, index: Resource<OwnIndex>) -> wasmtime::Result<()> {
        self.table.delete(index)?;
        Ok(())
    }
}

impl CallState {
    /// The index of that name which belongs to this call's tenant and component.
    fn index(&self, name: &str, dimensions: usize) -> Result<store::Index, CapabilityError> {
        self.granted("vectors")?;
        if self.migrating {
            return Err(CapabilityError::forbidden("a migration changes no index"));
        }
        let name: IndexName = name
            .parse()
            .map_err(|error: openclaw_tenancy::IndexNameError| CapabilityError::invalid(error.to_string()))?;
        let (tenant, family) = (self.tenant()?.id.clone(), self.own_family()?.clone());
        let id = store::IndexId { tenant: tenant.clone(), family: family.clone(), name: name.clone() };
        let home = self.services.home.clone();
        let place = move || {
            let directory = home.tenant_dir(&tenant).map_err(|error| error.to_string())?;
            directory.index(&family, &name).map_err(|error| error.to_string())
        };
        Ok(self.services.indexes.index(id, dimensions, place))
    }

    fn opened_index(&self, index: &Resource<OwnIndex>) -> Result<OwnIndex, CapabilityError> {
        self.tenant()?;
        Ok(self.table.get(index)?.clone())
    }

    /// What was written made the file, if there was none.
    fn has_file(&mut self, index: &Resource<OwnIndex>) -> Result<(), CapabilityError> {
        self.table.get_mut(index)?.file_bytes = 0;
        Ok(())
    }

    /// Works on an index in the tenant's turn among long calls, within what is left of this call's processor time, and
    /// no longer than the call waits for it.
    async fn on_index<T: Send + 'static>(
        &mut self,
        index: store::Index,
        work: impl FnOnce(&store::Index) -> Result<T, store::Error> + Send + 'static,
    ) -> Result<T, CapabilityError> {
        let turn = self.tenant_lane().acquire_owned().await.map_err(CapabilityError::internal)?;
        let left = self.limits.cpu.saturating_sub(self.meter.used());
        let (lane, elsewhere) = (self.services.long_lane.clone(), self.meter.elsewhere());
        let waits = Arc::new(());
        let call = Arc::downgrade(&waits);
        let metered = move || {
            let (_turn, begun) = (turn, thread_cpu_ns());
            let mut slices = Slices::begin(&lane, left, call);
            let worked = work(&index.watched(move || slices.goes_on()));
            elsewhere.fetch_add(thread_cpu_ns().saturating_sub(begun), Ordering::Relaxed);
            worked
        };
        let worked = self.off_thread(move |_, _| Ok(metered())).await?;
        drop(waits);
        match worked {
            Err(store::Error::Stopped) => Err(CapabilityError::Trap(self.broke(Limit::Time))),
            worked => Ok(worked?),
        }
    }
}

impl From<Item> for store::Item {
    fn from(item: Item) -> Self {
        Self { id: item.id, vector: item.vector, text: item.text, attributes: item.attributes }
    }
}

impl From<store::Hit> for Hit {
    fn from(hit: store::Hit) -> Self {
        Self { id: hit.id, score: hit.score, text: hit.text, attributes: hit.attributes }
    }
}

impl From<store::Error> for CapabilityError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Invalid(reason) => Self::invalid(reason),
            store::Error::Damaged(_) => Self::unavailable(error.to_string()),
            store::Error::Stopped => Self::unavailable(error.to_string()),
            store::Error::Busy => Self::unavailable(error.to_string()).retry_after(1000),
            store::Error::Full => Self::full(error.to_string()),
            store::Error::Io(reason) => Self::internal(reason),
        }
    }
}
