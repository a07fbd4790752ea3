//! What stands beside `config.yaml` or inside it and has a shape of its own (a rate card), read as
//! strictly: unknown keys are refused with their place and what was probably meant.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ConfigError, ConfigErrors, File, Layers, Loaded, Source, source_of};
use crate::check::{Finding, check};
use crate::path::KeyPath;
use crate::shape::Shape;

/// A value that knows where each of its keys was written.
#[derive(Clone, Debug)]
pub struct Located {
    value: Value,
    sources: BTreeMap<KeyPath, Source>,
}

impl Located {
    /// A whole file, YAML or JSON.
    pub fn parse(file: File<'_>) -> Result<Self, ConfigErrors> {
        let mut layers = Layers::default();
        layers.add_file(file);
        if layers.errors.is_empty() {
            return Ok(Self { value: layers.value, sources: layers.sources });
        }
        Err(ConfigErrors(layers.errors))
    }

    /// A part of the configuration; `value` is what stands at the key `at`.
    pub fn part(value: Value, at: &KeyPath, loaded: &Loaded) -> Self {
        let below = loaded.sources.iter().filter_map(|(path, source)| Some((path.below(at)?, source.clone())));
        let mut sources: BTreeMap<KeyPath, Source> = below.collect();
        sources.entry(KeyPath::root()).or_insert_with(|| source_of(&loaded.sources, at));
        Self { value, sources }
    }

    /// The value as a `T`; all that is wrong with it at once.
    pub fn read<T: DeserializeOwned + JsonSchema>(&self) -> Result<T, ConfigErrors> {
        let schema = schemars::schema_for!(T).to_value();
        let findings = check(Shape::of(&schema), &self.value);
        if !findings.is_empty() {
            return Err(ConfigErrors(findings.into_iter().map(|finding| self.report(finding)).collect()));
        }
        serde_path_to_error::deserialize(&self.value).map_err(|error| {
            let path = KeyPath::parse(&error.path().to_string()).unwrap_or_default();
            ConfigErrors(vec![self.error(&path, format!("{path}: {}", error.inner()))])
        })
    }

    /// An error of the reader's own about one key.
    pub fn error(&self, path: &KeyPath, message: String) -> ConfigError {
        self.report(Finding { path: path.clone(), message, suggestion: None })
    }

    fn report(&self, Finding { path, message, suggestion }: Finding) -> ConfigError {
        ConfigError { source_of: source_of(&self.sources, &path), key: path, message, suggestion }
    }
}
