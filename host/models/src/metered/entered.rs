//! A request on its way in: it has its place among its tenant's calls and a model that is there, and is counted once
//! somebody gives it the time.

use std::sync::Arc;

use openclaw_billing::{Caller, Limits};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::Ask;
use crate::catalog::{Catalog, Served};
use crate::error::ModelError;
use crate::request::{Endpoint, Prepared};

/// Not counted yet.
pub struct Entered {
    caller: Caller,
    limits: Limits,
    method: String,
    prepared: Prepared,
    catalog: Arc<Catalog>,
    first: Served,
    permit: OwnedSemaphorePermit,
}

/// Counted, and ready to be called.
pub struct Counted {
    pub(super) caller: Caller,
    pub(super) limits: Limits,
    pub(super) method: String,
    pub(super) prepared: Prepared,
    /// The model that is asked for, and those that are asked where it cannot answer.
    pub(super) candidates: Vec<(String, Served)>,
    pub(super) permit: OwnedSemaphorePermit,
}

impl Entered {
    pub(super) fn read(ask: Ask, catalog: Arc<Catalog>, permit: OwnedSemaphorePermit) -> Result<Self, ModelError> {
        let Ask { caller, limits, method, endpoint, body } = ask;
        let prepared = Prepared::read(endpoint, body, catalog.default_model())?;
        let requested = &prepared.requested;
        let first = catalog.find(requested).ok_or_else(|| ModelError::Unknown(requested.clone()))?;
        if !first.provider.kind.serves(endpoint) {
            return Err(ModelError::invalid(format!("the provider of {requested} has no {}", endpoint.path())));
        }
        Ok(Self { caller, limits, method, prepared, catalog, first, permit })
    }

    /// Bytes of the request: by these its counting takes its time.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.prepared.body.values().map(length).sum()
    }

    /// Counts it, and finds who may answer. Blocks for as long as it takes; the place among the tenant's calls is held
    /// until then, whoever has gone meanwhile. What no model of its name could take is refused before.
    pub fn count(mut self) -> Result<Counted, ModelError> {
        self.prepared.count(&self.first.model)?;
        let candidates = candidates(&self.catalog, self.first, &mut self.prepared)?;
        let Self { caller, limits, method, prepared, permit, .. } = self;
        Ok(Counted { caller, limits, method, prepared, candidates, permit })
    }
}

/// Bytes of text in a value.
fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(length).sum::<usize>() + values.len(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + length(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

fn candidates(catalog: &Catalog, first: Served, prepared: &mut Prepared) -> Result<Vec<(String, Served)>, ModelError> {
    let fallbacks = first.model.fallbacks.clone();
    let found = fallbacks.into_iter().filter_map(|name| Some((name.clone(), catalog.find(&name)?)));
    let others = found.filter(|(_, served)| served.provider.kind.serves(prepared.endpoint));
    let mut candidates: Vec<_> = std::iter::once((prepared.requested.clone(), first)).chain(others).collect();
    let is_translated = |(_, served): &(String, Served)| !served.provider.kind.has_responses();
    if prepared.endpoint == Endpoint::Responses && candidates.iter().any(is_translated) {
        let translated = prepared.translate();
        if is_translated(&candidates[0]) {
            translated?;
        } else if translated.is_err() {
            candidates.retain(|candidate| !is_translated(candidate));
        }
    }
    Ok(candidates)
}
