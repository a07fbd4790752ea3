//! Putting the gateway's configuration together: file, then environment, then flags; each key
//! keeps where it came from.

mod environment;
mod in_force;
mod located;
mod meaning;
mod tool_names;
mod without_effect;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::check::{Finding, check};
use crate::gateway::GatewayConfig;
use crate::overlay::Credentials;
use crate::path::KeyPath;
use crate::shape::{Shape, closest, gateway_schema};
use crate::text::{self, Position};

pub(crate) use meaning::is_retention;
pub(crate) use without_effect::overlay_without_effect;

pub use environment::{RESERVED, variable};
pub use located::Located;
pub use without_effect::{Warning, quota_without_effect};

/// A configuration file: its name, as errors are to show it, and its text.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// Where the value of a key comes from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Source {
    Default,
    File {
        name: String,
        /// `None` for the file as a whole.
        position: Option<Position>,
    },
    /// An environment variable.
    Env {
        name: String,
    },
    /// A flag; the key as it was given.
    Flag {
        name: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, position: Some(position) } => write!(f, "{name}:{position}"),
            Self::File { name, position: None } => f.write_str(name),
            Self::Env { name } => write!(f, "env {name}"),
            Self::Flag { .. } => f.write_str("command line"),
        }
    }
}

/// One thing that is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{source_of}: {message}{}", suggestion.as_ref().map(|name| format!(" (did you mean {name:?}?)")).unwrap_or_default())]
pub struct ConfigError {
    /// Where the key was set; `Default` for a key that is missing.
    pub source_of: Source,
    /// The key; the root for an error of the whole.
    pub key: KeyPath,
    /// What is wrong; names the key, holds no secret.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl ConfigError {
    /// Line and column, for an error in a file.
    pub fn position(&self) -> Option<Position> {
        match self.source_of {
            Source::File { position, .. } => position,
            _ => None,
        }
    }
}

/// Everything that is wrong, one a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

/// A valid configuration, with the source of each key.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: GatewayConfig,
    sources: BTreeMap<KeyPath, Source>,
    /// Of the environment.
    warnings: Vec<Warning>,
}

/// What `explain` knows about a key.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Explanation {
    /// As it was asked for.
    pub key: String,
    /// The effective value, redacted; `null` for a key without one.
    pub value: Value,
    /// Where it comes from; `Default` for a section of which only parts were set.
    pub source: Source,
    /// The keys below this one that were set, each with its source.
    pub parts: Vec<(KeyPath, Source)>,
    /// What the key means.
    pub description: Option<String>,
}

/// Loads the gateway's configuration. `flags` are pairs of a key path and a value as text; a later
/// one wins. Errors are told all at once, as far as one does not hide another.
pub fn load(
    file: Option<File<'_>>,
    env: impl IntoIterator<Item = (String, String)>,
    flags: &[(String, String)],
) -> Result<Loaded, ConfigErrors> {
    let mut layers = Layers::default();
    if let Some(file) = file {
        layers.add_file(file);
    }
    environment::apply(&mut layers, env);
    for (name, text) in flags {
        layers.add_flag(name, text);
    }
    layers.finish()
}

/// The value under construction.
#[derive(Default)]
struct Layers {
    value: Value,
    sources: BTreeMap<KeyPath, Source>,
    errors: Vec<ConfigError>,
    warnings: Vec<Warning>,
}

impl Layers {
    fn add_file(&mut self, file: File<'_>) {
        let source = |position| Source::File { name: file.name.to_owned(), position };
        match text::parse(file.text) {
            Ok(document) => {
                for (path, place) in document.places() {
                    self.sources.insert(path, source(Some(place.position)));
                }
                self.sources.insert(KeyPath::root(), source(None));
                self.value = document.into_value();
            }
            Err(error) => self.errors.push(ConfigError {
                source_of: source(error.position),
                key: KeyPath::root(),
                message: error.message,
                suggestion: None,
            }),
        }
    }

    fn add_flag(&mut self, name: &str, text: &str) {
        let source = Source::Flag { name: name.to_owned() };
        let root = Shape::of(gateway_schema());
        let known = KeyPath::parse(name).ok().and_then(|path| Some((root.descend(&path)?, path)));
        let Some((shape, path)) = known else {
            let names: Vec<String> = root.named_paths().iter().map(|(path, _)| path.to_string()).collect();
            let suggestion = closest(name, names.iter().map(String::as_str)).map(str::to_owned);
            let message = format!("unknown key {name}");
            self.errors.push(ConfigError { source_of: source, key: KeyPath::root(), message, suggestion });
            return;
        };
        self.set(path, shape, text, source);
    }

    fn set(&mut self, path: KeyPath, shape: Shape<'_>, text: &str, source: Source) {
        let value = environment::read(shape, text);
        if self.value.is_null() {
            self.value = Value::Object(Map::new());
        }
        if !path.put(&mut self.value, value) {
            let message = format!("{path} does not fit into what stands above it");
            self.errors.push(ConfigError { source_of: source, key: path, message, suggestion: None });
            return;
        }
        self.sources.retain(|other, _| !path.contains(other));
        self.sources.insert(path, source);
    }

    fn finish(mut self) -> Result<Loaded, ConfigErrors> {
        if self.value.is_null() {
            self.value = Value::Object(Map::new());
        }
        let findings = check(Shape::of(gateway_schema()), &self.value);
        self.report(findings);
        if !self.errors.is_empty() {
            return Err(ConfigErrors(self.errors));
        }
        let value = without_empty_sections(std::mem::take(&mut self.value));
        match serde_path_to_error::deserialize::<_, GatewayConfig>(&value) {
            Ok(config) => {
                self.report(meaning::check(&config));
                if self.errors.is_empty() {
                    return Ok(Loaded { config, sources: self.sources, warnings: self.warnings });
                }
            }
            Err(error) => {
                let path = KeyPath::parse(&error.path().to_string()).unwrap_or_default();
                let message = format!("{path}: {}", error.inner());
                self.report(vec![Finding { path, message, suggestion: None }]);
            }
        }
        Err(ConfigErrors(self.errors))
    }

    fn report(&mut self, findings: Vec<Finding>) {
        for Finding { path, message, suggestion } in findings {
            let source_of = source_of(&self.sources, &path);
            self.errors.push(ConfigError { source_of, key: path, message, suggestion });
        }
    }
}

/// The source of a key: its own, or that of the nearest place above it.
fn source_of(sources: &BTreeMap<KeyPath, Source>, path: &KeyPath) -> Source {
    let mut at = Some(path.clone());
    while let Some(path) = at {
        if let Some(source) = sources.get(&path) {
            return source.clone();
        }
        at = path.parent();
    }
    Source::Default
}

/// A section without a value (checked to be one) is as good as absent.
fn without_empty_sections(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let kept = members.into_iter().filter(|(_, member)| !member.is_null());
    Value::Object(kept.map(|(key, member)| (key, without_empty_sections(member))).collect())
}

impl Loaded {
    /// The whole configuration, every default included, every secret redacted.
    pub fn effective(&self) -> Value {
        effective(&self.config)
    }

    /// An error about a key that only whoever uses its value can find.
    pub fn error(&self, key: KeyPath, message: String) -> ConfigError {
        ConfigError { source_of: source_of(&self.sources, &key), key, message, suggestion: None }
    }

    /// What is known about one key, such as `gateway.limits.batch`; of a list's elements in general, as
    /// `agents.list[]`.
    pub fn explain(&self, key: &str) -> Result<Explanation, ConfigError> {
        let root = Shape::of(gateway_schema());
        let known = KeyPath::parse(&key.replace("[]", ".*")).ok().and_then(|path| Some((root.descend(&path)?, path)));
        let Some((shape, path)) = known else {
            let names: Vec<String> = root.named_paths().iter().map(|(path, _)| path.to_string()).collect();
            return Err(ConfigError {
                source_of: Source::Default,
                key: KeyPath::root(),
                message: format!("unknown key {key}"),
                suggestion: closest(key, names.iter().map(String::as_str)).map(str::to_owned),
            });
        };
        let below = |(part, _): &(&KeyPath, &Source)| *part != &path && path.contains(part);
        let parts: Vec<_> =
            self.sources.iter().filter(below).map(|(part, source)| (part.clone(), source.clone())).collect();
        let value = path.get(&self.effective()).cloned().unwrap_or(Value::Null);
        let source = self.own_source(&path);
        let description = shape.description().map(str::to_owned).or_else(|| in_force::description(&path));
        Ok(Explanation { key: key.to_owned(), source, parts, value, description })
    }

    /// A key that stands nowhere is a default, even in a file; inside a value that was set whole
    /// (by a flag, say) it has the source of that value.
    fn own_source(&self, key: &KeyPath) -> Source {
        match source_of(&self.sources, key) {
            Source::File { .. } if !self.sources.contains_key(key) => Source::Default,
            source => source,
        }
    }
}

/// The whole of a configuration, every default included, every secret redacted: the typed ones by
/// their type, those of the open sections by the overlay's table.
pub fn effective(config: &GatewayConfig) -> Value {
    let mut value = serde_json::to_value(config).unwrap_or(Value::Null);
    Credentials::Overlay.redact(&mut value);
    value
}

#[cfg(test)]
mod tests;
