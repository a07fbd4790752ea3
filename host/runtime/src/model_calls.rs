//! Calls of models on the gateway's terms: what counting a request takes is its tenant's own time.

use openclaw_models::{Answer, Ask, ModelError};

use crate::services::Services;

/// To count a byte takes as long as to read so many.
const READ_WHILE_COUNTED: usize = 4;

impl Services {
    /// Calls a model. A long request is counted in the lane of long calls, before anything is reserved for it: one of
    /// a tenant at a time, with its place among the tenant's calls held until then.
    pub async fn call_model(&self, ask: Ask) -> Result<Answer, ModelError> {
        let tenant = ask.caller.tenant.clone();
        let entered = self.models.enter(ask)?;
        let bytes = entered.bytes().saturating_mul(READ_WHILE_COUNTED);
        let counted = self.at_length(Some(&tenant), bytes, || entered.count()).await?;
        self.models.call(counted).await
    }
}

#[cfg(test)]
mod tests;
