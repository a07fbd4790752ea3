//! The calls that wait, or look, while another one is made.

use super::*;
use openclaw_sdk::Call;
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Beside {
    names: Vec<String>,
    method: String,
    params: Value,
}

/// Plays them: calls have names for as long as they last.
#[openclaw_sdk::handler(
    family = "exec",
    version = "1.0.0",
    capabilities(
        "method:exec.approval.request" = "asks while others wait",
        "method:exec.approval.resolve" = "answers while others wait",
        "method:exec.approvals.get" = "looks while others wait",
    )
)]
mod beside {
    use super::*;

    /// Calls a method while others have these names.
    #[method(scope = write)]
    fn beside(call: &Call, Beside { names, method, params }: Beside) -> Result<Value> {
        let tasks = call.tasks()?;
        let held: Vec<_> = names.iter().map(|name| tasks.claim(name, Duration::ZERO)).collect::<Result<_>>()?;
        assert!(held.iter().all(Option::is_some), "{names:?}");
        call.methods()?.call(&method, &params)
    }
}

pub(super) fn crowded() -> Tenant {
    tenant().with_handler(beside::HANDLER)
}

/// Calls a method while others have these names.
pub(super) fn call_beside<N: AsRef<str>>(tenant: &Tenant, names: &[N], method: &str, params: Value) -> Result<Value> {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    tenant.call("exec.beside", json!({ "names": names, "method": method, "params": params }))
}
