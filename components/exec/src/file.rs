//! What the tenant decided for good: commands that are allowed without asking, by agent, and rules that are stricter
//! than the configuration's. It has the form of OpenClaw's `exec-approvals.json`, and is one document, so that a
//! decision and what it adds here are written together.
//!
//! A pattern is a command to the letter, as people read it (`text`). It is no program and has no wildcards: commands go
//! through a shell, where `git *` would be anything; so who writes one is refused. It holds in the directory that was
//! shown with it: `make` is another command elsewhere.
//!
//! The rules are read by the family `chat`, from this document.

use crate::question::{EVERYONE, Question, directory};
use crate::text;
use openclaw_sdk::documents::{Database, Transaction};
use openclaw_sdk::{Error, Result, now_ms, ulid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const COLLECTION: &str = "approvals";
const KEY: &str = "file";

/// The most bytes of it.
const FILE_BYTES: usize = 256 << 10;

/// So many characters of a pattern are shown in an error.
const SHOWN: usize = 100;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[schemars(range(min = 1, max = 1))]
    version: u32,
    /// Accepted, not kept: nothing listens on a socket here.
    #[serde(default, rename = "socket", skip_serializing)]
    _socket: Option<Value>,
    #[serde(default)]
    defaults: Rules,
    /// By the agent's id; `*` is all of them.
    #[serde(default)]
    agents: BTreeMap<String, Agent>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rules {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    security: Option<Security>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ask: Option<Ask>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ask_fallback: Option<Fallback>,
    /// Kept; skills bring no commands along here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auto_allow_skills: Option<bool>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Agent {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    security: Option<Security>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ask: Option<Ask>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ask_fallback: Option<Fallback>,
    /// Kept; skills bring no commands along here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auto_allow_skills: Option<bool>,
    #[serde(default)]
    allowlist: Vec<Allowed>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Security {
    Deny,
    Allowlist,
    Full,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Ask {
    Off,
    OnMiss,
    Always,
}

/// What holds where nobody answers. Nobody who answers is a no: there is no `full`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Fallback {
    Deny,
    Allowlist,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Allowed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// A command to the letter.
    pattern: String,
    /// The directory below the workspace's root that it is allowed in; the root itself where none is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cwd: Option<String>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_command: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_resolved_path: Option<String>,
}

/// The file as it was read; 0 is the version of one that is not stored.
pub(crate) struct Stored {
    pub(crate) file: File,
    pub(crate) version: u64,
}

impl Default for File {
    fn default() -> Self {
        Self { version: 1, _socket: None, defaults: Rules::default(), agents: BTreeMap::new() }
    }
}

impl File {
    /// The same as it is kept: with an id of each entry. What people would not see is refused.
    pub(crate) fn checked(mut self) -> Result<Self> {
        for (agent, rules) in &mut self.agents {
            text::check("an agent's id", agent)?;
            for allowed in &mut rules.allowlist {
                allowed.cwd = allowed.cwd.as_deref().and_then(directory);
                let id = allowed.id.get_or_insert_with(ulid).as_str();
                let others = [&allowed.cwd, &allowed.last_used_command, &allowed.last_resolved_path];
                let others = others.map(Option::as_deref);
                let mut texts = [allowed.pattern.as_str(), id].into_iter().chain(others.into_iter().flatten());
                texts.try_for_each(|text| text::check("an entry of an allowlist", text))?;
            }
        }
        Ok(self)
    }

    /// Refuses a wildcard that somebody writes: the pattern would be that one command, and what is meant would never
    /// match. A command that has one itself is allowed where it was asked about, and stays.
    pub(crate) fn check_wildcards(&self, before: &Self) -> Result<()> {
        for (agent, rules) in &self.agents {
            let kept = before.agents.get(agent).map_or(&[][..], |rules| &rules.allowlist);
            let is_kept =
                |one: &Allowed| kept.iter().any(|known| (&known.pattern, &known.cwd) == (&one.pattern, &one.cwd));
            let mut wild = rules.allowlist.iter().filter(|allowed| allowed.pattern.contains('*'));
            if let Some(allowed) = wild.find(|allowed| !is_kept(allowed)) {
                let shown: String = allowed.pattern.chars().take(SHOWN).collect();
                return Err(Error::invalid(format!(
                    "agents.{agent}.allowlist: a pattern is one command to the letter, and {shown:?} has a wildcard: write \
                     the commands one by one; one that has a * itself is allowed by the answer allow-always"
                )));
            }
        }
        Ok(())
    }

    /// SHA-256 of what it decides: when an entry was used last changes by itself.
    pub(crate) fn hash(&self) -> Result<String> {
        let mut decisive = self.clone();
        for allowed in decisive.agents.values_mut().flat_map(|agent| &mut agent.allowlist) {
            allowed.last_used_at = None;
            allowed.last_used_command = None;
            allowed.last_resolved_path = None;
        }
        let digest = Sha256::digest(serde_json::to_vec(&decisive)?);
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Notes that a command is run which is allowed for good; false where it is not.
    pub(crate) fn uses(&mut self, question: &Question) -> bool {
        for agent in [question.agent(), EVERYONE] {
            let list = self.agents.get_mut(agent).map(|agent| &mut agent.allowlist);
            if let Some(allowed) = list.and_then(|list| list.iter_mut().find(|one| one.is(question))) {
                allowed.last_used_at = Some(now_ms());
                return true;
            }
        }
        false
    }

    /// Allows a command for good.
    pub(crate) fn allow(&mut self, question: &Question) {
        if self.uses(question) {
            return;
        }
        self.agents.entry(question.agent().to_owned()).or_default().allowlist.push(Allowed {
            id: Some(ulid()),
            pattern: question.command.clone(),
            cwd: question.cwd.clone(),
            last_used_at: Some(now_ms()),
            last_used_command: None,
            last_resolved_path: question.resolved_path.clone(),
        });
    }
}

impl Allowed {
    fn is(&self, question: &Question) -> bool {
        self.pattern == question.command && self.cwd == question.cwd
    }
}

impl Stored {
    pub(crate) fn read(database: &Database) -> Result<Self> {
        match database.collection(COLLECTION).document(KEY)? {
            Some(document) => Ok(Self { file: document.parse()?, version: document.version }),
            None => Ok(Self { file: File::default(), version: 0 }),
        }
    }

    /// Has the file written, where nobody changed it since it was read.
    pub(crate) fn write<'a>(&self, transaction: Transaction<'a>) -> Result<Transaction<'a>> {
        if serde_json::to_vec(&self.file)?.len() > FILE_BYTES {
            let message =
                format!("what is allowed for good has more than {FILE_BYTES} bytes: exec.approvals.set shortens it");
            return Err(Error::invalid(message));
        }
        match self.version {
            0 => transaction.insert(COLLECTION, KEY, &self.file, 0),
            version => transaction.update(COLLECTION, KEY, &self.file, 0, version),
        }
    }
}
