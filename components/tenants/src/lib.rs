//! What a tenant may know and do about itself.
//!
//! Whose call it is was settled by the host before: `tenantId` is accepted
//! because clients send it, and opens nothing here.

mod types;

use openclaw_sdk::{Call, Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use types::{QuotaStatus, Tenant, UsageSnapshot};

/// The tenant's own registration, token, usage and quotas.
#[openclaw_sdk::handler(family = "tenants")]
mod handler {
    use super::*;

    /// The tenant's registration.
    #[method(scope = read, tier = core)]
    fn get(call: &Call, _: OfTenant) -> Result<Tenant> {
        call.tenancy()?.record()
    }

    /// Replaces the tenant's token; the old one stops working at once.
    #[method(scope = write, tier = core)]
    fn rotate(call: &Call, _: OfTenant) -> Result<Rotated> {
        Ok(Rotated { tenant_id: tenant_of(call)?, token: call.tenancy_control()?.rotate()? })
    }

    /// Deletes the tenant with everything it has.
    #[method(scope = write, tier = core)]
    fn delete(call: &Call, params: Delete) -> Result<Deleted> {
        if !params.confirm && !call.is_operator() {
            return Err(Error::invalid("confirm must be true: this deletes the tenant and all its data"));
        }
        if !params.delete_data {
            return Err(Error::invalid("deleteData must be true: a tenant's data is always deleted with it"));
        }
        let tenant_id = tenant_of(call)?;
        call.tenancy_control()?.delete()?;
        Ok(Deleted { deleted: true, tenant_id })
    }

    /// What the tenant has used in the running period.
    #[method(scope = read, tier = core)]
    fn usage(call: &Call, params: Usage) -> Result<UsageSnapshot> {
        call.usage()?.current(params.refresh_disk)
    }

    /// The tenant's quotas and how much of them is used.
    #[method(scope = read, name = "tenants.quota.status", tier = core)]
    fn quota_status(call: &Call, _: OfTenant) -> Result<QuotaStatus> {
        call.usage()?.quota_status()
    }

    /// What the tenant used in past periods, newest first.
    #[method(scope = read, name = "tenants.usage.history", tier = core)]
    fn usage_history(call: &Call, params: History) -> Result<Snapshots> {
        Ok(Snapshots { history: call.usage()?.history(params.months)? })
    }

    fn tenant_of(call: &Call) -> Result<String> {
        call.tenant().ok_or_else(|| Error::invalid("tenantId is missing: this call is not a tenant's"))
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfTenant {
    #[serde(default, rename = "tenantId")]
    _tenant_id: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Delete {
    #[serde(default, rename = "tenantId")]
    _tenant_id: Option<String>,
    /// Nothing brings the tenant back: a tenant says true, and the operator says at least this.
    confirm: bool,
    /// The data goes with the tenant, so that no one who gets the same id finds it.
    #[serde(default = "yes")]
    delete_data: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Usage {
    #[serde(default, rename = "tenantId")]
    _tenant_id: Option<String>,
    /// Measures the tenant's directory now instead of using the last measure.
    #[serde(default)]
    refresh_disk: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct History {
    #[serde(default, rename = "tenantId")]
    _tenant_id: Option<String>,
    #[serde(default = "six")]
    #[schemars(range(min = 1, max = 120))]
    months: u32,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Rotated {
    tenant_id: String,
    /// Shown this once.
    token: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
struct Deleted {
    deleted: bool,
    tenant_id: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Snapshots {
    history: Vec<UsageSnapshot>,
}

fn yes() -> bool {
    true
}

fn six() -> u32 {
    6
}
