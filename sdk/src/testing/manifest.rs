//! The manifest of a handler under test, with its schemas compiled as the host does.

#![allow(clippy::disallowed_methods, reason = "the manifest of the handler under test")]

use crate::Handler;
use jsonschema::{Draft, PatternOptions, Validator};
use serde::Deserialize;
use serde_json::Value;

/// A handler and what it says of itself.
pub(crate) struct Served {
    pub(crate) handler: Handler,
    pub(crate) manifest: Manifest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) family: String,
    pub(crate) methods: Vec<Method>,
    #[serde(default)]
    pub(crate) shared_documents: Vec<SharedCollection>,
    #[serde(default)]
    pub(crate) events: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Method {
    pub(crate) name: String,
    pub(crate) scope: String,
    pub(crate) params: Schema,
    pub(crate) result: Schema,
}

#[derive(Deserialize)]
pub(crate) struct SharedCollection {
    pub(crate) family: String,
    pub(crate) collection: String,
    access: String,
}

#[derive(Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Schema(Validator);

impl Served {
    /// A handler whose manifest is as the host wants it; the error says what is wrong.
    pub(crate) fn new(handler: Handler) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(&(handler.manifest)()).map_err(|error| error.to_string())?;
        for method in json["methods"].as_array().into_iter().flatten() {
            if method["params"]["type"] != "object" {
                return Err(format!("the params of {} must be a schema of type object", method["name"]));
            }
        }
        let manifest = serde_json::from_value(json).map_err(|error| error.to_string())?;
        Ok(Self { handler, manifest })
    }

    pub(crate) fn method(&self, name: &str) -> Option<&Method> {
        self.manifest.methods.iter().find(|method| method.name == name)
    }
}

impl SharedCollection {
    pub(crate) fn is(&self, family: &str, collection: &str) -> bool {
        self.family == family && self.collection == collection
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.access == "write"
    }

    /// As an operator writes it.
    pub(crate) fn grant(&self) -> String {
        let suffix = if self.is_writable() { ":write" } else { "" };
        format!("documents:{}/{}{suffix}", self.family, self.collection)
    }
}

impl TryFrom<Value> for Schema {
    type Error = String;

    fn try_from(mut schema: Value) -> Result<Self, String> {
        if schema["type"] == "object" && schema["properties"].is_null() {
            // Without it the validator cannot name what should not be there.
            schema["properties"] = Value::Object(serde_json::Map::new());
        }
        let options =
            jsonschema::options().with_draft(Draft::Draft202012).with_pattern_options(PatternOptions::regex());
        options.build(&schema).map(Self).map_err(|error| error.to_string())
    }
}

impl Schema {
    /// The error names the place and what is wrong there.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        let Err(error) = self.0.validate(value) else { return Ok(()) };
        let place = error.instance_path().to_string();
        let text: String = error.masked().to_string().chars().take(300).collect();
        match place.is_empty() {
            true => Err(text),
            false => Err(format!("{}: {text}", place.trim_start_matches('/').replace('/', "."))),
        }
    }
}
