//! Tasks wait for the test to run them, and a name has one holder.

use openclaw_sdk::testing::Tenant;
use openclaw_sdk::{Call, Error, JsonSchema, NoParams, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Work {
    name: String,
}

/// Does its work apart.
#[openclaw_sdk::handler(family = "worker", version = "1.0.0")]
mod worker {
    use super::*;

    /// Has the work done later, where nobody does it.
    #[method(scope = write)]
    fn begin(call: &Call, params: Work) -> Result<bool> {
        let tasks = call.tasks()?;
        let Some(claim) = tasks.claim(&params.name, Duration::ZERO)? else { return Ok(false) };
        tasks.start("worker.work", &json!({ "name": params.name }), Some(claim))?;
        Ok(true)
    }

    /// Does it.
    #[method(scope = write)]
    fn work(call: &Call, params: Work) -> Result<NoParams> {
        let tasks = call.tasks()?;
        let claim = tasks.inherited().ok_or_else(|| Error::forbidden("only as a task"))?;
        assert!(tasks.inherited().is_none() && tasks.claim(&params.name, Duration::ZERO)?.is_none());
        call.documents()?.transaction().put("done", &params.name, &true, 0)?.commit()?;
        drop(claim);
        assert!(tasks.claim(&params.name, Duration::ZERO)?.is_some());
        Ok(NoParams {})
    }

    /// Starts a method of somebody else's.
    #[method(scope = read)]
    fn trespass(call: &Call, _: NoParams) -> Result<NoParams> {
        call.tasks()?.start("sessions.list", &json!({}), None)?;
        Ok(NoParams {})
    }

    /// Ends whoever has a name.
    #[method(scope = write)]
    fn end(call: &Call, params: Work) -> Result<bool> {
        call.tasks()?.end(&params.name)
    }
}

fn tenant() -> Tenant {
    Tenant::new(worker::HANDLER)
}

fn call(tenant: &Tenant, method: &str) -> Result<Value> {
    tenant.call(method, json!({ "name": "a" }))
}

#[test]
fn a_task_has_the_claim_from_its_start_to_its_end() {
    let tenant = tenant();
    assert_eq!(call(&tenant, "worker.begin"), Ok(json!(true)));
    assert_eq!(call(&tenant, "worker.begin"), Ok(json!(false)), "it waits for its turn");
    assert_eq!(tenant.run_tasks(), 1);
    assert_eq!(tenant.database("worker").collection("done").get("a").unwrap(), Some(true));
    assert_eq!(call(&tenant, "worker.begin"), Ok(json!(true)));
}

#[test]
fn a_task_that_is_ended_or_lost_leaves_its_name_free() {
    let tenant = tenant();
    assert_eq!(call(&tenant, "worker.end"), Ok(json!(false)));
    call(&tenant, "worker.begin").unwrap();
    assert_eq!(call(&tenant, "worker.end"), Ok(json!(true)));
    assert_eq!(call(&tenant, "worker.begin"), Ok(json!(true)));
    tenant.kill();
    assert_eq!((tenant.run_tasks(), call(&tenant, "worker.begin")), (0, Ok(json!(true))));
}

#[test]
fn a_client_inherits_nothing_and_nobody_starts_what_is_anothers() {
    let tenant = tenant();
    assert_eq!(call(&tenant, "worker.work").unwrap_err().code, "FORBIDDEN");
    assert_eq!(tenant.call::<_, Value>("worker.trespass", json!({})).unwrap_err().code, "FORBIDDEN");
    let refused = tenant.without_grant("tasks");
    assert_eq!(call(&refused, "worker.begin").unwrap_err().code, "FORBIDDEN");
}
