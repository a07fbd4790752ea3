//! `rpc.discover` as a test reads it.

use serde_json::Value;

use crate::Client;

/// One method's entry.
#[derive(Clone, Debug)]
pub struct Method {
    /// Its name.
    pub name: String,
    /// `read`, `write`, `pairing`, `approvals` or `admin`.
    pub scope: String,
    /// `core`, `companion`, `admin` or `tenant`.
    pub tier: String,
    /// `(name, required, schema)` of each parameter.
    pub params: Vec<Param>,
    /// The JSON Schema of the result.
    pub result: Value,
}

/// One parameter.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Whether a call without it is refused.
    pub required: bool,
    /// Its JSON Schema.
    pub schema: Value,
}

/// The methods that this client is told of.
#[must_use]
pub fn methods(client: &Client) -> Vec<Method> {
    let document = client.ok("rpc.discover", serde_json::json!({}));
    let methods = document["methods"].as_array().unwrap_or_else(|| panic!("no methods in {document}"));
    methods.iter().map(method).collect()
}

fn method(entry: &Value) -> Method {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let params = entry["params"].as_array().unwrap_or_else(|| panic!("no params in {entry}"));
    Method {
        name: text("name"),
        scope: text("x-scope"),
        tier: text("x-tier"),
        params: params
            .iter()
            .map(|param| Param {
                name: param["name"].as_str().unwrap_or_default().to_owned(),
                required: param["required"] == true,
                schema: param["schema"].clone(),
            })
            .collect(),
        result: entry["result"]["schema"].clone(),
    }
}

impl Method {
    /// The entry of one method.
    #[must_use]
    pub fn named(client: &Client, name: &str) -> Self {
        let found = methods(client).into_iter().find(|method| method.name == name);
        found.unwrap_or_else(|| panic!("rpc.discover does not tell of {name}"))
    }

    /// Whether it takes this parameter.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        self.params.iter().any(|param| param.name == name)
    }
}
