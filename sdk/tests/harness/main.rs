//! The test harness, as the author of a handler uses it: a handler that does one
//! thing with each capability, and what the tenant under test shows of it.

mod calls;
mod handler;
mod played;
mod state;
mod tasks;

use openclaw_sdk::testing::Tenant;
use openclaw_sdk::{Error, Result};
use serde_json::Value;

fn tenant() -> Tenant {
    Tenant::new(handler::probe::HANDLER)
}

fn call(tenant: &Tenant, method: &str, params: Value) -> Result<Value> {
    tenant.call(method, params)
}

/// The refusal of a call, by its code.
fn refused(tenant: &Tenant, method: &str, params: Value) -> Error {
    match call(tenant, method, params) {
        Err(error) => error,
        Ok(answer) => panic!("{method} answers {answer}"),
    }
}
