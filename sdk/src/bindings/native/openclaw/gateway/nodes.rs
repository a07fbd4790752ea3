//! `nodes`: those that the test plays.

#![allow(clippy::disallowed_methods, reason = "what the handler under test sends")]

use super::calls::Call;
use super::types::Error;
use crate::testing::{call::Facts, scripts};
use serde_json::Value;
use std::rc::Rc;

pub use crate::bindings::generated::openclaw::gateway::nodes::Link;

pub struct Links(Rc<Facts>);

pub fn open(call: &Call) -> Result<Links, Error> {
    call.0.granted("nodes")?;
    call.0.tenant()?;
    call.0.state.scripts.nodes.check(&call.0, "nodes")?;
    Ok(Links(Rc::clone(&call.0)))
}

impl Links {
    pub fn list(&self) -> Result<Vec<Link>, Error> {
        Ok(self.0.state.scripts.links.borrow().clone())
    }

    pub fn invoke(
        &self,
        node_id: &str,
        command: &str,
        params: &[u8],
        _timeout_ms: u32,
        _idempotency_key: &str,
    ) -> Result<Vec<u8>, Error> {
        let is_linked = self.0.state.scripts.links.borrow().iter().any(|link| link.node_id == node_id);
        if !is_linked {
            return Err(Error::not_found(format!("there is no node {node_id}")));
        }
        let params: Value = serde_json::from_slice(params)
            .map_err(|error| Error::invalid(format!("the parameters are JSON: {error}")))?;
        let invocation = scripts::Invocation { node_id: node_id.to_owned(), command: command.to_owned(), params };
        Ok(self.0.state.scripts.nodes.play(&invocation)?.to_string().into_bytes())
    }
}
