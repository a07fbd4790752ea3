//! `rpc.discover`: an OpenRPC document of what the caller can call.

use crate::contract::*;

fn document(client: &Client) -> Value {
    client.ok("rpc.discover", json!({}))
}

fn names(document: &Value) -> Vec<String> {
    pluck(&document["methods"], "name")
}

#[test]
fn is_an_openrpc_document() {
    let daemon = Daemon::start();
    let document = document(&daemon.tenant("acme"));
    assert!(document["openrpc"].as_str().is_some_and(|version| version.starts_with("1.")), "{document}");
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    for method in document["methods"].as_array().expect("methods") {
        has_fields(
            method,
            "name summary params result paramStructure x-tier x-family x-scope errors? description? tags? x-events?",
        );
        assert!(["core", "companion"].contains(&method["x-tier"].as_str().unwrap_or_default()), "{method}");
        assert!(method["result"]["schema"].is_object(), "{method}");
        assert!(method["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{method}");
        for param in method["params"].as_array().expect("params") {
            assert!(param["name"].is_string() && !param["schema"].is_null(), "{param}");
        }
    }
    assert!(names(&document).is_sorted());
}

#[test]
fn every_reference_in_a_schema_can_be_followed() {
    fn check(value: &Value, root: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = target.strip_prefix('#').unwrap_or_else(|| panic!("{target} leads outside"));
                    assert!(root.pointer(pointer).is_some(), "{target} leads nowhere");
                }
                members.values().for_each(|member| check(member, root));
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, root)),
            _ => {}
        }
    }
    let daemon = Daemon::start();
    let document = document(&daemon.operator());
    for method in document["methods"].as_array().expect("methods") {
        for schema in method["params"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|param| &param["schema"])
            .chain([&method["result"]["schema"]])
        {
            // A schema's own root, or the document's.
            let root = if schema.to_string().contains("#/components/") { &document } else { schema };
            check(schema, root);
        }
    }
}

#[test]
fn every_result_is_a_closed_object() {
    /// The places of objects with members that let other members in.
    fn open(schema: &Value, place: &str) -> Vec<String> {
        let below: Vec<String> = match schema {
            Value::Object(members) => {
                members.iter().flat_map(|(name, member)| open(member, &format!("{place}/{name}"))).collect()
            }
            Value::Array(items) => {
                items.iter().enumerate().flat_map(|(index, item)| open(item, &format!("{place}/{index}"))).collect()
            }
            _ => Vec::new(),
        };
        // `properties` is also what a member may be called.
        let is_open = schema["properties"].is_object()
            && !place.ends_with("/properties")
            && schema["additionalProperties"] != false
            && schema["unevaluatedProperties"] != false;
        below.into_iter().chain(is_open.then(|| place.to_owned())).collect()
    }
    let daemon = Daemon::start();
    for method in discover::methods(&daemon.operator()) {
        assert_eq!(method.result["type"], "object", "{}: {}", method.name, method.result);
        assert!(method.result["properties"].is_object(), "{}: {}", method.name, method.result);
        assert_eq!(open(&method.result, ""), Vec::<String>::new(), "{}: {}", method.name, method.result);
    }
}

#[test]
fn a_tenant_is_not_told_of_the_operators_methods() {
    let daemon = Daemon::start();
    let (tenants, operators) = (document(&daemon.tenant("acme")), document(&daemon.operator()));
    assert!(!names(&tenants).contains(&"tenants.create".to_owned()));
    assert!(names(&operators).contains(&"tenants.create".to_owned()));
}

#[test]
fn its_families_and_tiers_are_those_of_the_contract() {
    let daemon = Daemon::start();
    let document = document(&daemon.operator());
    let entry = |name: &str| {
        document["methods"]
            .as_array()
            .and_then(|all| all.iter().find(|method| method["name"] == name))
            .cloned()
            .unwrap_or_default()
    };
    for (name, tier, family, scope) in [
        ("health", "core", "health", "read"),
        ("config.patch", "core", "config", "write"),
        ("agents.files.get", "core", "agents", "read"),
        ("sessions.create", "companion", "sessions", "write"),
        ("chat.history", "companion", "sessions", "read"),
        ("sandbox.run", "companion", "sandbox", "write"),
        ("tenants.quota.status", "core", "tenants", "read"),
        ("tenants.create", "admin", "tenants", "admin"),
    ] {
        let method = entry(name);
        assert_eq!(
            (&method["x-tier"], &method["x-family"], &method["x-scope"]),
            (&json!(tier), &json!(family), &json!(scope)),
            "{name}"
        );
    }
}

#[test]
fn it_needs_a_token() {
    let daemon = Daemon::start();
    let body = openclaw_tests::rpc::frame(1, "rpc.discover", &json!({})).to_string();
    assert_eq!(daemon.send(&Request::rpc(body)).status, 401);
}

#[test]
fn an_unknown_parameter_is_refused() {
    let daemon = Daemon::start();
    let error = daemon.tenant("acme").err("rpc.discover", json!({ "bogusParameter": 1 }));
    assert_eq!(error.code, -32602, "{error}");
    assert!(error.message.contains("bogusParameter"), "{error}");
}
