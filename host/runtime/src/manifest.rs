//! What a component says of itself, checked.
//!
//! The manifest is the component's word: the host believes it for names and
//! schemas, never for authority, which comes from the import list and the
//! operator's grants.

mod budget;
mod cost;
mod names;
mod texts;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use jsonschema::{PatternCache, PatternOptions, Validator};
use openclaw_config::json;
use openclaw_tenancy::Family;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    error::printable,
    grant::{Access, Grant},
};
use budget::Budget;

/// The most bytes of a compiled pattern, which bound what a byte of a text takes.
const PATTERN_BYTES: usize = 32 << 10;

/// The most bytes of a pattern's table on one thread: what does not fit is done without.
const PATTERN_TABLE_BYTES: usize = 128 << 10;

/// Steps of a check that takes less than a tick.
const SHORT_STEPS: u64 = 20_000;

/// Steps of a check whose error is worth telling in full: all that was tried is gathered for it.
const TOLD_STEPS: u64 = 200_000;

/// The most steps of a check, half a second.
const STEPS_MAX: u64 = 10_000_000;

/// Who may call a method: the scopes of a tenant's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Looking.
    Read,
    /// Changing; implies `Read`.
    Write,
    /// Devices and nodes.
    Pairing,
    /// Answering exec approvals.
    Approvals,
    /// The operator alone; implies all.
    Admin,
}

impl Scope {
    /// What a tenant's own token carries.
    pub const OF_TENANTS: [Self; 4] = [Self::Read, Self::Write, Self::Pairing, Self::Approvals];

    /// The wire name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Pairing => "pairing",
            Self::Approvals => "approvals",
            Self::Admin => "admin",
        }
    }
}

/// Where a method comes from, as `rpc.discover` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// One of the 59.
    Core,
    /// Beside them.
    Companion,
    /// The operator's.
    Admin,
    /// From a component that is not ours.
    #[default]
    Tenant,
}

/// A component's manifest with its schemas compiled.
#[derive(Debug)]
pub struct Manifest {
    /// The word before the dot of each method.
    pub family: Family,
    /// SemVer of the component.
    pub version: String,
    /// One sentence.
    pub description: String,
    /// By full name.
    pub methods: BTreeMap<String, Arc<Method>>,
    /// Collections of other families that it reads or writes.
    pub shared_documents: Vec<SharedCollection>,
    /// Events it publishes.
    pub events: Vec<String>,
    /// What else it wants to be granted, and why.
    pub capabilities: Vec<AskedCapability>,
}

/// A grant that a component asks for in its manifest.
#[derive(Clone, Debug)]
pub struct AskedCapability {
    /// What it wants.
    pub grant: Grant,
    /// For whoever decides.
    pub reason: String,
}

/// A collection of another family, and what is done with it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedCollection {
    /// The family that owns the collection.
    pub family: Family,
    /// Its name.
    pub collection: String,
    /// Reading alone, unless it says otherwise.
    #[serde(default)]
    pub access: Access,
}

impl SharedCollection {
    /// Whether it lets this family's collection be read.
    pub(crate) fn reads(&self, family: &str, collection: &str) -> bool {
        self.family.as_str() == family && self.collection == collection
    }

    /// Whether it lets this collection be written.
    pub(crate) fn writes(&self, family: &Family, collection: &str) -> bool {
        self.access == Access::Write && self.reads(family.as_str(), collection)
    }

    /// Whether it stands for this log: the one of its name, or one named `<name>:…`.
    pub(crate) fn reads_log(&self, log: &str) -> bool {
        log.split_once(':').map_or(log, |(word, _)| word) == self.collection
    }

    /// Whether it lets this log be written.
    pub(crate) fn writes_log(&self, family: &Family, log: &str) -> bool {
        self.writes(family, &self.collection) && self.reads_log(log)
    }
}

/// One method of a component.
#[derive(Debug)]
pub struct Method {
    /// The full name.
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// Where it stands in `rpc.discover`.
    pub tier: Tier,
    /// What the caller's token must carry.
    pub scope: Scope,
    /// Wall time, where it is not the default.
    pub timeout: Option<Duration>,
    /// What goes in.
    pub params: Schema,
    /// What comes out.
    pub result: Schema,
}

/// A JSON Schema with its compiled form.
pub struct Schema {
    /// As the manifest gave it.
    pub document: Value,
    validator: Validator,
}

impl Schema {
    /// Compiles a schema. Patterns run on an engine without backtracking, since a
    /// component's author is not trusted with our time.
    pub fn compile(document: Value) -> Result<Self, String> {
        Budget::default().take(&document)?;
        Self::compile_with(document, &PatternCache::new())
    }

    /// The same for one that is within a budget, and shares its patterns with others.
    fn compile_with(document: Value, patterns: &PatternCache) -> Result<Self, String> {
        let limited = PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_TABLE_BYTES);
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_pattern_options(limited)
            .with_pattern_cache(patterns.clone())
            .build(&document)
            .map_err(|error| error.to_string())?;
        Ok(Self { document, validator })
    }

    /// Checks a value; the error names the place and what is wrong there, without the value.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        if self.validator.is_valid(value) {
            return Ok(());
        }
        let Err(error) = self.validator.validate(value) else { return Ok(()) };
        let place = error.instance_path().to_string();
        let text: String = error.masked().to_string().chars().take(300).collect();
        let names = names::taken_instead(&self.document, &error);
        Err(if place.is_empty() {
            text + &names
        } else {
            format!("{}: {text}{names}", place.trim_start_matches('/').replace('/', "."))
        })
    }

    /// Whether a check takes less than a tick, whoever wrote the schema.
    pub(crate) fn is_short(&self, value: &Value) -> bool {
        cost::steps(&self.document, value, SHORT_STEPS).is_some()
    }

    /// Checks a value by a schema that nobody trusts: what would take too much is refused, and what takes much is
    /// refused without saying why.
    pub(crate) fn check_long(&self, value: &Value) -> Result<(), String> {
        match cost::steps(&self.document, value, STEPS_MAX) {
            None => Err("it would take too much to check this by the method's schema".into()),
            Some(steps) if steps <= TOLD_STEPS => self.check(value),
            Some(_) if self.validator.is_valid(value) => Ok(()),
            Some(_) => Err("it is not what the method's schema says, and too large to say where".into()),
        }
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.document, f)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawManifest {
    family: Family,
    version: String,
    #[serde(default)]
    description: String,
    methods: Vec<RawMethod>,
    #[serde(default)]
    shared_documents: Vec<SharedCollection>,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    capabilities: Vec<RawCapability>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCapability {
    grant: String,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMethod {
    name: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    tier: Tier,
    scope: Scope,
    params: Value,
    result: Value,
    timeout_ms: Option<u64>,
}

impl Manifest {
    /// Reads a manifest; the error says which part is wrong, in few of the manifest's own words.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        Self::read(bytes).map_err(|error| printable(&error))
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > texts::BYTES_MAX {
            return Err(format!("the manifest has {} bytes, more than {}", bytes.len(), texts::BYTES_MAX));
        }
        let json = json::read(bytes, json::DEPTH_MAX).map_err(|error| format!("the manifest is not valid: {error}"))?;
        let raw: RawManifest =
            serde_json::from_value(json).map_err(|error| format!("the manifest is not valid: {error}"))?;
        if raw.methods.is_empty() {
            return Err("the manifest names no method".into());
        }
        texts::check(&raw)?;
        if let Some(SharedCollection { collection, .. }) =
            raw.shared_documents.iter().find(|shared| shared.collection.contains(':'))
        {
            // A grant to write `notes` would read like one of a collection `notes:write`.
            return Err(format!("the shared collection {collection:?}: its name has a colon"));
        }
        // All of it is looked at before any of it is compiled.
        let mut budget = Budget::default();
        raw.methods.iter().try_for_each(|method| method.check(&raw.family, &mut budget))?;
        let (mut methods, patterns) = (BTreeMap::new(), PatternCache::new());
        for raw_method in raw.methods {
            let method = Method::compile(raw_method, &patterns)?;
            let name = method.name.clone();
            if methods.insert(name.clone(), Arc::new(method)).is_some() {
                return Err(format!("the manifest names the method {name} twice"));
            }
        }
        let capabilities = raw.capabilities.into_iter().map(AskedCapability::parse).collect::<Result<_, _>>()?;
        Ok(Self {
            family: raw.family,
            version: raw.version,
            description: raw.description,
            methods,
            shared_documents: raw.shared_documents,
            events: raw.events,
            capabilities,
        })
    }
}

impl AskedCapability {
    fn parse(raw: RawCapability) -> Result<Self, String> {
        let grant = raw.grant.parse().map_err(|error| format!("the manifest's capabilities: {error}"))?;
        Ok(Self { grant, reason: raw.reason })
    }
}

/// Families of the gateway and first words of its methods and events, those that
/// are still to come among them, and what metrics count its own under.
const OWN_FAMILIES: &[&str] = &[
    "tenants",
    "admin",
    "billing",
    "gateway",
    "other",
    "terminal",
    "config",
    "agents",
    "sessions",
    "cron",
    "skills",
    "channels",
    "voicewake",
    "devices",
    "device",
    "nodes",
    "node",
    "health",
    "chat",
    "memory",
    "models",
    "tools",
    "tenant",
    "rpc",
    "events",
    "components",
    "sandbox",
    "agent",
    "exec",
    "logs",
    "send",
    "status",
    "system",
    "wake",
    "connect",
    "event",
    "presence",
    "tick",
    "heartbeat",
    "shutdown",
];

/// Whether the gateway has a family of this name, or keeps the name for itself.
#[must_use]
pub fn is_own_family(name: &str) -> bool {
    OWN_FAMILIES.contains(&name)
}

impl Manifest {
    /// What a component that is not ours may not say of itself: it would be taken
    /// for one of ours, by its state, its tier or its events. One that takes the place
    /// of a family of ours (`replaced`) may be what that is, and no more.
    pub(crate) fn check_foreign(&self, replaced: Option<&Self>) -> Result<(), String> {
        let family = self.family.as_str();
        if is_own_family(family) && replaced.is_none() {
            return Err(format!("the family {family} is the gateway's own: choose another name"));
        }
        for method in self.methods.values().filter(|method| method.tier != Tier::Tenant) {
            let known = replaced.and_then(|replaced| replaced.methods.get(&method.name));
            if known.is_none_or(|known| known.tier != method.tier) {
                return Err(format!("{}: only the gateway's own methods are of tier core or companion", method.name));
            }
        }
        let prefix = format!("{family}.");
        let known = |event: &String| replaced.is_some_and(|replaced| replaced.events.contains(event));
        match self.events.iter().find(|event| !event.starts_with(&prefix) && !known(event)) {
            Some(event) => Err(format!("the event {event:?} must begin with {prefix:?}")),
            None => Ok(()),
        }
    }
}

impl RawMethod {
    fn check(&self, family: &Family, budget: &mut Budget) -> Result<(), String> {
        let Self { name, params, result, .. } = self;
        if !belongs(name, family) {
            let name: String = name.chars().take(texts::NAME_BYTES).collect();
            return Err(format!("the method {name:?} does not belong to the family {family}"));
        }
        if self.scope == Scope::Admin || self.tier == Tier::Admin {
            return Err(format!("the method {name} asks for the operator's scope, which no component has"));
        }
        if params.get("type").and_then(Value::as_str) != Some("object") {
            return Err(format!("the params of {name} must be a schema of type object"));
        }
        budget.take(params).map_err(|error| format!("the params schema of {name}: {error}"))?;
        budget.take(result).map_err(|error| format!("the result schema of {name}: {error}"))
    }
}

impl Method {
    fn compile(raw: RawMethod, patterns: &PatternCache) -> Result<Self, String> {
        let (name, mut params) = (raw.name, raw.params);
        if let Value::Object(schema) = &mut params {
            // Without it the validator cannot name what should not be there.
            schema.entry("properties").or_insert_with(|| Value::Object(serde_json::Map::new()));
        }
        let compile = |what: &str, schema: Value| {
            Schema::compile_with(schema, patterns).map_err(|error| format!("the {what} schema of {name}: {error}"))
        };
        Ok(Self {
            params: compile("params", params)?,
            result: compile("result", raw.result)?,
            summary: raw.summary,
            tier: raw.tier,
            scope: raw.scope,
            timeout: raw.timeout_ms.map(Duration::from_millis),
            name,
        })
    }
}

/// Our own families spell some methods as OpenClaw does: the word before the dot, and the family.
const ALIASES: [(&str, &str); 5] =
    [("device", "devices"), ("node", "nodes"), ("chat", "sessions"), ("sessions", "chat"), ("agent", "chat")];

/// The families that may serve a method: `health` serves `health`, `sessions` serves `sessions.list`.
pub(crate) fn families_of(method: &str) -> impl Iterator<Item = &str> {
    let word = method.split('.').next().unwrap_or_default();
    let other = ALIASES.iter().find(|(alias, _)| *alias == word).map(|(_, family)| *family);
    [Some(word), other].into_iter().flatten()
}

/// The tenant that a call names among its parameters: the methods of `tenants` take its id.
#[must_use]
pub fn named_tenant<'p>(method: &str, params: &'p Value) -> Option<&'p Value> {
    families_of(method).next().filter(|family| *family == "tenants").and_then(|_| params.get("tenantId"))
}

/// Whether the operator administers a tenant by this method: then no component of the tenant's own answers the
/// operator, since it could say that a token was replaced or a tenant deleted, and do nothing.
#[must_use]
pub fn administers(method: &str) -> bool {
    matches!(families_of(method).next(), Some("tenants" | "config"))
}

fn belongs(name: &str, family: &Family) -> bool {
    let plain = !name.is_empty()
        && name.len() <= texts::NAME_BYTES
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    plain && families_of(name).any(|served| served == family.as_str())
}

#[cfg(test)]
mod tests;
