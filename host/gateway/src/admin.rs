//! The operator's methods: about all tenants, so served by the host and by no
//! component.

mod sandboxes;

use std::sync::LazyLock;

use openclaw_tenancy::{Actor, TenantId};
use serde_json::{Map, Value, json};

use crate::{Gateway, auth::Identity, discover::closed_object, reply::Problem, schemas::Schemas};

/// A method of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdminMethod {
    List,
    Create,
    Update,
    QuotaUpdate,
    SandboxesList,
    SandboxesKill,
}

impl AdminMethod {
    pub(crate) const ALL: [Self; 6] =
        [Self::List, Self::Create, Self::Update, Self::QuotaUpdate, Self::SandboxesList, Self::SandboxesKill];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::List => "tenants.list",
            Self::Create => "tenants.create",
            Self::Update => "tenants.update",
            Self::QuotaUpdate => "tenants.quota.update",
            Self::SandboxesList => "admin.sandboxes.list",
            Self::SandboxesKill => "admin.sandboxes.kill",
        }
    }

    pub(crate) fn summary(self) -> &'static str {
        match self {
            Self::List => "Lists all tenants.",
            Self::Create => "Makes a tenant and answers its token, this once.",
            Self::Update => "Changes a tenant's name, or disables or enables it.",
            Self::QuotaUpdate => "Merges into a tenant's quotas; null removes one.",
            Self::SandboxesList => "Lists the workloads that run and the terminals that are open, of all tenants.",
            Self::SandboxesKill => "Ends a workload or a terminal of any tenant.",
        }
    }

    pub(crate) fn params(self) -> Value {
        let (properties, required) = match self {
            Self::List | Self::SandboxesList => (json!({}), json!([])),
            Self::SandboxesKill => return sandboxes::kill_params(),
            Self::Create => (
                json!({ "tenantId": { "type": "string" }, "displayName": name(), "quotas": { "type": "object" } }),
                json!(["tenantId"]),
            ),
            Self::Update => (
                json!({ "tenantId": { "type": "string" }, "displayName": name(), "disabled": { "type": "boolean" } }),
                json!(["tenantId"]),
            ),
            Self::QuotaUpdate => (
                json!({ "tenantId": { "type": "string" }, "quotas": { "type": "object" } }),
                json!(["tenantId", "quotas"]),
            ),
        };
        closed_object(&properties, &required)
    }

    pub(crate) fn result(self) -> Value {
        let text = json!({ "type": "string" });
        let yes = json!({ "const": true });
        match self {
            Self::List => {
                let tenant = closed_object(
                    &json!({
                        "tenantId": text, "displayName": text, "createdAt": text, "lastSeenAt": text,
                        "disabled": { "type": "boolean" },
                    }),
                    &json!(["tenantId", "createdAt", "disabled"]),
                );
                let tenants = json!({ "tenants": { "type": "array", "items": tenant } });
                closed_object(&tenants, &json!(["tenants"]))
            }
            Self::Create => closed_object(
                &json!({ "tenantId": text, "token": text, "createdAt": text, "stateDir": text }),
                &json!(["tenantId", "token", "createdAt", "stateDir"]),
            ),
            Self::Update => {
                closed_object(&json!({ "updated": yes, "tenantId": text }), &json!(["updated", "tenantId"]))
            }
            Self::QuotaUpdate => closed_object(
                &json!({ "updated": yes, "tenantId": text, "quotas": { "type": "object" } }),
                &json!(["updated", "tenantId", "quotas"]),
            ),
            Self::SandboxesList => sandboxes::list_result(),
            Self::SandboxesKill => sandboxes::kill_result(),
        }
    }

    fn check(self, params: &Value) -> Result<(), Problem> {
        static SCHEMAS: LazyLock<Schemas<AdminMethod>> =
            LazyLock::new(|| Schemas::compile(AdminMethod::ALL.map(|method| (method, method.params()))));
        SCHEMAS.check(&self, params)
    }
}

fn name() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 200 })
}

/// Runs one for the operator. Answers the result's JSON.
pub(crate) async fn call(
    gateway: &Gateway,
    identity: &Identity,
    method: AdminMethod,
    params: Value,
) -> Result<String, Problem> {
    method.check(&params)?;
    let actor = &identity.caller.actor;
    let result = match method {
        AdminMethod::List => list(gateway),
        AdminMethod::Create => create(gateway, actor, &params).await?,
        AdminMethod::Update => update(gateway, actor, &params).await?,
        AdminMethod::QuotaUpdate => update_quotas(gateway, actor, &params).await?,
        AdminMethod::SandboxesList => sandboxes::list(gateway),
        AdminMethod::SandboxesKill => sandboxes::kill(gateway, actor, &params).await?,
    };
    Ok(result.to_string())
}

fn list(gateway: &Gateway) -> Value {
    let registry = &gateway.services().registry;
    let tenants: Vec<Value> = registry
        .list()
        .iter()
        .map(|tenant| {
            let mut row = Map::from_iter([
                ("tenantId".to_owned(), Value::from(tenant.id.as_str())),
                ("createdAt".to_owned(), tenant.created_at.to_string().into()),
                ("disabled".to_owned(), tenant.disabled.into()),
            ]);
            if let Some(name) = &tenant.display_name {
                row.insert("displayName".to_owned(), name.as_str().into());
            }
            if let Some(seen) = tenant.last_seen_at() {
                row.insert("lastSeenAt".to_owned(), seen.to_string().into());
            }
            Value::Object(row)
        })
        .collect();
    json!({ "tenants": tenants })
}

async fn create(gateway: &Gateway, actor: &Actor, params: &Value) -> Result<Value, Problem> {
    let id = tenant_id(params)?;
    let name = params["displayName"].as_str().map(str::to_owned);
    let defaults = gateway.config().quotas.default.clone();
    let quotas = match params.get("quotas") {
        Some(patch) => defaults.merge(patch)?,
        None => defaults,
    };
    let created = gateway.services().registry.create(&id, name, quotas, actor.clone()).await;
    let (tenant, token) = created?;
    Ok(json!({
        "tenantId": tenant.id.as_str(),
        "token": token.reveal(),
        "createdAt": tenant.created_at.to_string(),
        "stateDir": tenant.state_dir(),
    }))
}

async fn update(gateway: &Gateway, actor: &Actor, params: &Value) -> Result<Value, Problem> {
    let id = tenant_id(params)?;
    let registry = &gateway.services().registry;
    if let Some(name) = params["displayName"].as_str() {
        registry.set_display_name(&id, Some(name.to_owned()), actor.clone()).await?;
    }
    if let Some(disabled) = params["disabled"].as_bool() {
        registry.set_disabled(&id, disabled, actor.clone()).await?;
    }
    gateway.tenant(id.as_str())?;
    Ok(json!({ "updated": true, "tenantId": id.as_str() }))
}

async fn update_quotas(gateway: &Gateway, actor: &Actor, params: &Value) -> Result<Value, Problem> {
    let id = tenant_id(params)?;
    let patched = gateway.services().registry.patch_quotas(&id, params["quotas"].clone(), actor.clone()).await;
    let tenant = patched?;
    Ok(json!({ "updated": true, "tenantId": id.as_str(), "quotas": *tenant.quotas }))
}

fn tenant_id(params: &Value) -> Result<TenantId, Problem> {
    let id = params["tenantId"].as_str().unwrap_or_default();
    id.parse().map_err(|error: openclaw_tenancy::TenantIdError| Problem::params(error.to_string()))
}
