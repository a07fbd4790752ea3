//! The host's own methods: about all tenants, or about the components themselves, so served by no component.

use std::sync::Arc;

use openclaw_runtime::Scope;
use openclaw_tenancy::TenantRecord;
use serde_json::Value;

use crate::{
    Gateway,
    admin::{self, AdminMethod},
    auth::Identity,
    billing::{self, BillingMethod},
    components::{self, ComponentMethod},
    discover,
    reply::Problem,
};

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HostMethod {
    Discover,
    Admin(AdminMethod),
    Billing(BillingMethod),
    Components(ComponentMethod),
}

impl HostMethod {
    /// The method of this name, where it is the host's and this caller may use it.
    pub(crate) fn named(gateway: &Gateway, identity: &Identity, name: &str) -> Result<Option<Self>, Problem> {
        let (method, scope) = if name == discover::METHOD {
            return Ok(Some(Self::Discover));
        } else if let Some(method) = AdminMethod::named(name) {
            (Self::Admin(method), None)
        } else if let Some(method) = BillingMethod::named(name) {
            (Self::Billing(method), None)
        } else if let Some(method) = ComponentMethod::named(name) {
            (Self::Components(method), method.scope(gateway.config().components.self_service))
        } else {
            return Ok(None);
        };
        match scope {
            Some(scope) if !identity.caller.may(scope) => Err(Problem::missing_scope(name, scope)),
            // A method that no tenant's token reaches.
            None if identity.caller.is_operator() => Ok(Some(method)),
            None if identity.tenant.is_some() => Err(Problem::operators_alone(name)),
            None => Err(Problem::missing_scope(name, Scope::Admin)),
            Some(_) => Ok(Some(method)),
        }
    }

    /// Runs it. Answers the result's JSON.
    pub(crate) async fn call(
        self,
        gateway: &Gateway,
        identity: &Identity,
        own: Option<Arc<TenantRecord>>,
        params: Value,
        request_id: &str,
    ) -> Result<String, Problem> {
        match self {
            Self::Discover => discover::call(gateway, identity, &params).await,
            Self::Admin(method) => admin::call(gateway, identity, method, params).await,
            Self::Billing(method) => billing::call(gateway, method, &params).await,
            Self::Components(method) => components::call(gateway, identity, own, method, params, request_id).await,
        }
    }
}
