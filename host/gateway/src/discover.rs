//! `rpc.discover`: an OpenRPC 1.3 document, made from the manifests of what is
//! bound and from the host's own methods.

use std::sync::{Arc, OnceLock};

use openclaw_runtime::{Method, Scope, Version};
use serde_json::{Map, Value, json};

use crate::{
    Gateway, admin::AdminMethod, auth::Identity, billing::BillingMethod, components::ComponentMethod, reply::Problem,
};

pub(crate) const METHOD: &str = "rpc.discover";

/// The documents of what is bound for everyone, as long as that is what is bound.
#[derive(Debug, Default)]
pub(crate) struct Discovered {
    /// Of the bindings, and of the configuration.
    generation: (u64, u64),
    /// For tenants, and for the operator.
    documents: [OnceLock<String>; 2],
}

/// Answers the document's JSON; there is nothing to choose.
pub(crate) async fn call(gateway: &Gateway, identity: &Identity, params: &Value) -> Result<String, Problem> {
    if let Some(name) = params.as_object().and_then(|params| params.keys().next()) {
        return Err(Problem::params(format!("{METHOD} takes no parameters, and not {name:?}")));
    }
    let acting_for = identity.acting_for.as_deref().map(|id| gateway.tenant(id)).transpose()?;
    let tenant = identity.tenant.as_ref().or(acting_for.as_ref()).map(|tenant| &tenant.id);
    let plugins = gateway.runtime().plugins();
    if let Some(tenant) = tenant.filter(|tenant| plugins.differs(tenant)) {
        let serving = plugins.serving(Some(tenant)).await;
        // As long as its components' authors made it: written in the tenant's own turn.
        let write = || document(gateway, identity, &serving).to_string();
        return Ok(gateway.runtime().at_length(Some(tenant), usize::MAX, write).await);
    }
    let generation = (plugins.generation(), gateway.config_generation());
    let mut kept = gateway.discovered.load_full();
    if kept.generation != generation {
        kept = Arc::new(Discovered { generation, ..Discovered::default() });
        gateway.discovered.store(kept.clone());
    }
    let kept = &kept.documents[usize::from(identity.caller.is_operator())];
    if let Some(document) = kept.get() {
        return Ok(document.clone());
    }
    let document = document(gateway, identity, &plugins.serving(None).await).to_string();
    Ok(kept.get_or_init(|| document).clone())
}

/// The methods that this caller could call.
fn document(gateway: &Gateway, identity: &Identity, serving: &[Arc<Version>]) -> Value {
    let operator = identity.caller.is_operator();
    let mut methods: Vec<Value> = Vec::new();
    for version in serving {
        let manifest = &version.component.manifest;
        methods.extend(manifest.methods.values().map(|method| describe(manifest.family.as_str(), method)));
    }
    let self_service = gateway.config().components.self_service;
    methods
        .extend(ComponentMethod::ALL.iter().filter_map(|method| describe_components(*method, operator, self_service)));
    if operator {
        methods.extend(AdminMethod::ALL.iter().map(describe_admin));
        methods.extend(BillingMethod::ALL.iter().map(describe_billing));
    }
    methods.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    json!({
        "openrpc": "1.3.2",
        "info": { "title": "OpenClawMU", "version": env!("CARGO_PKG_VERSION") },
        "methods": methods,
    })
}

/// None where this caller cannot call it.
fn describe_components(method: ComponentMethod, operator: bool, self_service: bool) -> Option<Value> {
    let (tier, scope) = match method.scope(self_service) {
        Some(scope) => ("companion", scope),
        None if operator => ("admin", Scope::Admin),
        None => return None,
    };
    let extensions = [("x-tier", tier.into()), ("x-family", "components".into()), ("x-scope", scope.name().into())];
    Some(entry(method.name(), method.summary(), &method.params(operator), &method.result(), extensions))
}

fn describe(family: &str, method: &Method) -> Value {
    entry(
        &method.name,
        &method.summary,
        &method.params.document,
        &method.result.document,
        [("x-tier", json!(method.tier)), ("x-family", family.into()), ("x-scope", method.scope.name().into())],
    )
}

fn describe_admin(method: &AdminMethod) -> Value {
    let family = method.name().split('.').next().unwrap_or_default();
    let extensions = [("x-tier", "admin".into()), ("x-family", family.into()), ("x-scope", "admin".into())];
    entry(method.name(), method.summary(), &method.params(), &method.result(), extensions)
}

fn describe_billing(method: &BillingMethod) -> Value {
    let extensions = [("x-tier", "admin".into()), ("x-family", "billing".into()), ("x-scope", "admin".into())];
    entry(method.name(), method.summary(), &method.params(), &BillingMethod::result(), extensions)
}

fn entry(name: &str, summary: &str, params: &Value, result: &Value, extensions: [(&str, Value); 3]) -> Value {
    let mut entry = Map::from_iter([
        ("name".to_owned(), name.into()),
        ("summary".to_owned(), summary.into()),
        ("paramStructure".to_owned(), "by-name".into()),
        ("params".to_owned(), descriptors(params)),
        ("result".to_owned(), json!({ "name": "result", "schema": result })),
    ]);
    entry.extend(extensions.map(|(key, value)| (key.to_owned(), value)));
    Value::Object(entry)
}

/// The schema of an object with these members and no other.
pub(crate) fn closed_object(properties: &Value, required: &Value) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// OpenRPC lists parameters one by one; a schema has them as properties.
fn descriptors(params: &Value) -> Value {
    let required: Vec<&str> = params["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let empty = Map::new();
    let properties = params["properties"].as_object().unwrap_or(&empty);
    properties
        .iter()
        .map(|(name, schema)| json!({ "name": name, "required": required.contains(&name.as_str()), "schema": schema }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_foreign_component_has_a_name_of_the_hosts_methods() {
        let names = AdminMethod::ALL.map(AdminMethod::name).into_iter();
        let names = names.chain(BillingMethod::ALL.map(BillingMethod::name));
        for name in names.chain(ComponentMethod::ALL.map(ComponentMethod::name)).chain([METHOD]) {
            let word = name.split('.').next().unwrap_or_default();
            assert!(openclaw_runtime::is_own_family(word), "{name}");
        }
    }
}
