//! Navigation over the JSON Schema of a configuration: what may stand at a key path.
//!
//! Understands what schemars writes for our types: `$ref`, `properties`, `additionalProperties`,
//! `items`, `anyOf`/`oneOf`, nothing more.

use std::sync::LazyLock;

use serde_json::Value;

use crate::gateway::GatewayConfig;
use crate::path::{KeyPath, Segment};

static GATEWAY: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(GatewayConfig).to_value());

/// The JSON Schema of `config.yaml`.
pub(crate) fn gateway_schema() -> &'static Value {
    &GATEWAY
}

/// One place in a schema. `root` holds the definitions that references point into.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'s> {
    root: &'s Value,
    at: &'s Value,
}

impl<'s> Shape<'s> {
    pub(crate) fn of(root: &'s Value) -> Self {
        Self { root, at: root }
    }

    fn to(self, at: &'s Value) -> Self {
        Self { root: self.root, at }.resolved()
    }

    /// Follows `$ref`; the description beside a reference is found by [`Shape::description`].
    fn resolved(self) -> Self {
        let target = self.at["$ref"].as_str().and_then(|target| target.strip_prefix("#/"));
        match target.and_then(|pointer| self.root.pointer(&format!("/{pointer}"))) {
            Some(at) => Self { root: self.root, at }.resolved(),
            None => self,
        }
    }

    /// The alternatives without `null`, the shape itself where there are none.
    pub(crate) fn branches(self) -> Vec<Self> {
        let here = self.resolved();
        let branches = here.at["anyOf"].as_array().or_else(|| here.at["oneOf"].as_array());
        let Some(branches) = branches else { return vec![here] };
        branches.iter().map(|branch| here.to(branch)).filter(|branch| branch.at["type"] != "null").collect()
    }

    /// True when one of the alternatives has this JSON type.
    pub(crate) fn allows_type(self, name: &str) -> bool {
        self.branches().iter().any(|branch| branch.types().any(|kind| kind == name))
    }

    /// The JSON types of this one alternative, `null` left out; none where everything is allowed.
    pub(crate) fn types(self) -> impl Iterator<Item = &'s str> {
        let kind = &self.at["type"];
        let one = kind.as_str().into_iter();
        let several = kind.as_array().into_iter().flatten().filter_map(Value::as_str);
        one.chain(several).filter(|kind| *kind != "null")
    }

    /// A keyword of this one alternative.
    pub(crate) fn keyword(self, name: &str) -> Option<&'s Value> {
        self.at.get(name)
    }

    /// The only texts that are allowed, where they are listed.
    pub(crate) fn choices(self) -> Option<Vec<&'s str>> {
        let mut choices = Vec::new();
        for branch in self.branches() {
            let listed = branch.keyword("enum").and_then(Value::as_array);
            match (branch.keyword("const").and_then(Value::as_str), listed) {
                (Some(one), _) => choices.push(one),
                (None, Some(several)) => choices.extend(several.iter().filter_map(Value::as_str)),
                (None, None) => return None,
            }
        }
        Some(choices)
    }

    /// The keys that this object lists by name.
    pub(crate) fn listed_keys(self) -> impl Iterator<Item = &'s str> {
        self.at["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str())
    }

    /// The shape of a member, of this one alternative; `None` when it may not exist.
    pub(crate) fn member(self, key: &str) -> Option<Self> {
        if let Some(listed) = self.at["properties"].get(key) {
            return Some(Self { root: self.root, at: listed });
        }
        match self.at.get("additionalProperties") {
            Some(Value::Bool(false)) => None,
            Some(others @ Value::Object(_)) => Some(Self { root: self.root, at: others }),
            _ => Some(Self { root: self.root, at: &Value::Null }),
        }
    }

    /// The shape of an element.
    pub(crate) fn element(self) -> Self {
        Self { root: self.root, at: self.at.get("items").unwrap_or(&Value::Null) }
    }

    /// The shape at a path; `None` when nothing may stand there.
    pub(crate) fn descend(self, path: &KeyPath) -> Option<Self> {
        path.segments().iter().try_fold(self, |at, segment| {
            at.branches().into_iter().find_map(|branch| match segment {
                Segment::Key(key) => branch.member(key).filter(|_| branch.could_be("object")),
                Segment::Index(_) => branch.could_be("array").then(|| branch.element()),
            })
        })
    }

    fn could_be(self, name: &str) -> bool {
        self.types().next().is_none() || self.types().any(|kind| kind == name)
    }

    /// What the documentation says.
    pub(crate) fn description(self) -> Option<&'s str> {
        self.at["description"].as_str().or_else(|| self.resolved().at["description"].as_str())
    }

    /// The schema of this place by itself; `None` where it would need definitions from elsewhere.
    pub(crate) fn to_value(self) -> Option<Value> {
        (!self.at.is_null() && !self.at.to_string().contains("\"$ref\"")).then(|| self.at.clone())
    }

    /// True for a credential.
    pub(crate) fn is_secret(self) -> bool {
        self.branches().iter().any(|branch| branch.at["x-secret"] == true)
    }

    /// Every key path with a name of its own, sections and leaves; nothing inside open objects and
    /// arrays.
    pub(crate) fn named_paths(self) -> Vec<(KeyPath, Shape<'s>)> {
        let mut found = Vec::new();
        self.collect_named(&KeyPath::root(), &mut found);
        found
    }

    fn collect_named(self, path: &KeyPath, found: &mut Vec<(KeyPath, Shape<'s>)>) {
        for branch in self.branches() {
            for key in branch.listed_keys() {
                let Some(member) = branch.member(key) else { continue };
                let path = path.key(key);
                member.collect_named(&path, found);
                found.push((path, member));
            }
        }
    }
}

/// A longer name is no slip of the pen.
const MAX_MISSPELT_BYTES: usize = 64;

/// The known name that an unknown one was probably meant to be. Case and word separators do not
/// count: `maxConcurrentRuns` is `max_concurrent_runs`.
pub fn closest<'k>(unknown: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if unknown.len() > MAX_MISSPELT_BYTES {
        return None;
    }
    let plain = |text: &str| text.replace(['_', '-', ' '], "").to_lowercase();
    let wanted = plain(unknown);
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &plain(name)), name))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
