//! A request is counted in its tenant's turn among long calls where it is long: of a component, and of `/v1`.

use std::{path::Path, sync::Arc};

use futures_util::FutureExt;
use jiff::tz::TimeZone;
use openclaw_billing::{Caller, Limits, RateLimiter, UsageLedger};
use openclaw_config::{ConfigStore, gateway::GatewayConfig, store::Overrides};
use openclaw_control::{ControlDb, Durability};
use openclaw_documents::{Store, StoreSettings};
use openclaw_models::{Endpoint, Models};
use openclaw_tenancy::{Audit, Home, Registry, TenantId};
use serde_json::{Value, json};

use super::*;
use crate::{AdmissionLimits, sandboxes::Sandboxes, services::ServicesParts};

/// Services with a model of ten tokens: what is longer is refused when it is counted, and before it is reserved.
fn services(home: &Path) -> Arc<Services> {
    let home = Home::open(home).expect("a home");
    let models = json!([{ "id": "small", "context_window": 10 }]);
    let providers = json!({ "providers": [{ "id": "script", "kind": "scripted", "models": models }] });
    let models = serde_json::from_value(providers).expect("models");
    let config = GatewayConfig { models, ..GatewayConfig::default() };
    let control = ControlDb::open(&home.control_db_path(), Durability::Process).expect("a database");
    let audit = Arc::new(Audit::open(&home, Durability::Process).expect("an audit log"));
    let usage = Arc::new(UsageLedger::open(control.clone(), TimeZone::UTC).expect("a ledger"));
    Services::new(ServicesParts {
        registry: Registry::open(&home, control, audit.clone()).expect("a registry").into(),
        documents: Store::new(StoreSettings::with_durability(Durability::Process)),
        models: Models::new(usage.clone(), &config.models).expect("models").into(),
        usage,
        rates: RateLimiter::new(&TimeZone::UTC).into(),
        secret_key: home.secret_key(None).expect("a key"),
        audit,
        sandboxes: Sandboxes::new(&home, config.sandbox.clone()),
        admission: AdmissionLimits::from(&config.gateway.limits),
        free_disk_mb: config.gateway.limits.free_disk_mb,
        config: ConfigStore::new(config, Overrides::default()).into(),
        home: home.into(),
        costs: None,
    })
}

/// A question of so many bytes.
fn ask(tenant: &TenantId, bytes: usize) -> Ask {
    let Value::Object(body) =
        json!({ "model": "small", "messages": [{ "role": "user", "content": "x".repeat(bytes) }] })
    else {
        unreachable!("it is an object")
    };
    let (agent, component) = (String::new(), String::new());
    let caller = Caller { tenant: tenant.clone(), agent, session: None, run: None, component };
    Ask { caller, limits: Limits::default(), method: "test".into(), endpoint: Endpoint::Chat, body }
}

fn is_counted(answer: &Result<Answer, ModelError>) -> bool {
    matches!(answer, Err(ModelError::Invalid(message)) if message.contains("longer than the 10 tokens"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_long_request_waits_for_its_tenants_turn_and_holds_up_no_short_one_and_no_other_tenant() {
    let directory = tempfile::tempdir().expect("a directory");
    let services = services(directory.path());
    let (a, b) = ("a".parse().expect("an id"), "b".parse().expect("an id"));
    let (short, long) = (1 << 10, 1 << 20);
    let turn = services.admission.long_lane(Some(&a)).acquire_owned().await.expect("a turn");
    let mut waiting = Box::pin(services.call_model(ask(&a, long)));
    assert!((&mut waiting).now_or_never().is_none(), "a's turn is taken");
    assert!(is_counted(&services.call_model(ask(&a, short)).await));
    assert!(is_counted(&services.call_model(ask(&b, long)).await));
    assert!((&mut waiting).now_or_never().is_none(), "it is taken still");
    drop(turn);
    assert!(is_counted(&waiting.await));
}
