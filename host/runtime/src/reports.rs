//! Questions of tenants to the ledger.

use openclaw_billing::{LedgerError, Table};
use openclaw_tenancy::TenantId;

use crate::{CallError, services::Services};

impl Services {
    /// Has a tenant's question answered in one of its places for what blocks a thread, to the end: whoever hangs up
    /// meanwhile has not got rid of it.
    pub async fn report(
        &self,
        tenant: &TenantId,
        question: impl Future<Output = Result<Table, LedgerError>> + Send + 'static,
    ) -> Result<Result<Table, LedgerError>, CallError> {
        let answered = self.admission.to_the_end(Some(tenant), question).await;
        answered.map_err(|_| CallError::Unavailable {
            message: "the report was given up".into(),
            retry_after_ms: Some(1000),
        })
    }
}
