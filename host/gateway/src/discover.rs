//! `rpc.discover`: an OpenRPC 1.3 document, made from the manifests of what is
//! bound and from the host's own methods.

use serde_json::{Map, Value, json};

use crate::{Gateway, admin::AdminMethod, auth::Identity, reply::Problem};
use openclaw_runtime::Method;

pub(crate) const METHOD: &str = "rpc.discover";

/// Answers the document's JSON; there is nothing to choose.
pub(crate) fn call(gateway: &Gateway, identity: &Identity, params: &Value) -> Result<String, Problem> {
    match params.as_object().and_then(|params| params.keys().next()) {
        Some(name) => Err(Problem::params(format!("{METHOD} takes no parameters, and not {name:?}"))),
        None => {
            let kept = &gateway.discovered[usize::from(identity.caller.is_operator())];
            Ok(kept.get_or_init(|| document(gateway, identity).to_string()).clone())
        }
    }
}

/// The methods that this caller could call.
fn document(gateway: &Gateway, identity: &Identity) -> Value {
    let mut methods: Vec<Value> = Vec::new();
    for component in gateway.runtime().components() {
        let family = component.manifest.family.as_str();
        methods.extend(component.manifest.methods.values().map(|method| describe(family, method)));
    }
    if identity.caller.is_operator() {
        methods.extend(AdminMethod::ALL.iter().map(describe_admin));
    }
    methods.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    json!({
        "openrpc": "1.3.2",
        "info": { "title": "OpenClawMU", "version": env!("CARGO_PKG_VERSION") },
        "methods": methods,
    })
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
    let extensions = [("x-tier", "admin".into()), ("x-family", "tenants".into()), ("x-scope", "admin".into())];
    entry(method.name(), method.summary(), &method.params(), &json!({ "type": "object" }), extensions)
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
