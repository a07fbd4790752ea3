//! `model`: the one that the test plays.

#![allow(clippy::disallowed_methods, reason = "what the handler under test sends")]

use super::calls::Call;
use super::types::Error;
use crate::testing::call::Facts;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

pub use crate::bindings::generated::openclaw::gateway::model::Chunk;

pub struct Provider(Rc<Facts>);

pub struct Completion(RefCell<VecDeque<Chunk>>);

pub fn open(call: &Call) -> Result<Provider, Error> {
    call.0.granted("model")?;
    call.0.tenant()?;
    call.0.state.scripts.model.check(&call.0, "model")?;
    Ok(Provider(Rc::clone(&call.0)))
}

impl Provider {
    pub fn complete(&self, request: &[u8]) -> Result<Completion, Error> {
        let request: Value =
            serde_json::from_slice(request).map_err(|error| Error::invalid(format!("the request is JSON: {error}")))?;
        let chunks = self.0.state.scripts.model.play(&request)?;
        let chunk = |(kind, data): (String, Value)| Chunk { kind, data: data.to_string().into_bytes() };
        Ok(Completion(RefCell::new(chunks.into_iter().map(chunk).collect())))
    }

    pub fn models(&self) -> Result<Vec<u8>, Error> {
        Ok(json!([{"id": "test", "name": "Test", "provider": "test"}]).to_string().into_bytes())
    }
}

impl Completion {
    /// What the test plays is there at once.
    pub fn gather(&self, _for_ms: u32) -> Result<Vec<Chunk>, Error> {
        Ok(self.0.take().into())
    }

    pub fn next(&self) -> Result<Option<Chunk>, Error> {
        Ok(self.0.borrow_mut().pop_front())
    }
}
