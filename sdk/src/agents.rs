//! The agents that the configuration names, and which of them is meant.
//!
//! It is a part of the SDK because a component of anyone's that takes an `agentId` has to mean the agent by it that
//! the gateway's own components mean: which is the default one, and that `main` is always there.

use crate::config::Settings;
use crate::{Error, Result};
use serde_json::{Map, Value};

/// The agent that every tenant has.
pub const MAIN: &str = "main";

/// An entry of `agents.list`, as it is configured.
pub type Entry = Map<String, Value>;

/// The agents in force, `main` among them; each has an id.
#[derive(Debug)]
pub struct Agents(Vec<Entry>);

/// An agent's id; empty where an entry has none, which is no agent then.
#[must_use]
pub fn id(entry: &Entry) -> &str {
    entry.get("id").and_then(Value::as_str).unwrap_or_default()
}

impl Settings {
    /// The agents in force.
    ///
    /// # Errors
    /// UNAVAILABLE (the file is damaged), INTERNAL (`agents.list` is no list of objects).
    pub fn agents(&self) -> Result<Agents> {
        Ok(Agents::of(self.effective("/agents/list")?.unwrap_or_default()))
    }
}

impl Agents {
    fn of(mut entries: Vec<Entry>) -> Self {
        entries.retain(|entry| !id(entry).is_empty());
        if !entries.iter().any(|entry| id(entry) == MAIN) {
            entries.insert(0, Entry::from_iter([("id".into(), MAIN.into())]));
        }
        Self(entries)
    }

    /// All of them, in their order; `main` is the first where the configuration does not name it.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The agent that is meant where none is named.
    #[must_use]
    pub fn default_id(&self) -> &str {
        let marked = self.0.iter().find(|entry| entry.get("default") == Some(&Value::Bool(true)));
        marked.map_or(MAIN, id)
    }

    /// The agent of that id.
    ///
    /// # Errors
    /// NOT_FOUND.
    pub fn get(&self, wanted: &str) -> Result<&Entry> {
        let found = self.0.iter().find(|entry| id(entry) == wanted);
        found.ok_or_else(|| Error::not_found(format!("there is no agent {wanted}")))
    }

    /// The id of the agent that is named, which must be there; of the default one, where none is.
    ///
    /// # Errors
    /// NOT_FOUND.
    pub fn named_or_default(&self, named: Option<&str>) -> Result<&str> {
        named.map_or_else(|| Ok(self.default_id()), |named| self.get(named).map(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    fn agents(list: Value) -> Agents {
        Agents::of(from_value(list).unwrap())
    }

    #[test]
    fn every_tenant_has_main() {
        let agents = agents(json!([]));
        assert_eq!(agents.named_or_default(None), Ok(MAIN));
        assert_eq!(agents.named_or_default(Some(MAIN)), Ok(MAIN));
    }

    #[test]
    fn the_default_one_is_that_which_says_so() {
        let agents = agents(json!([{"id": "a"}, {"id": "b", "default": true}, {"id": "c", "default": true}]));
        assert_eq!(agents.named_or_default(None), Ok("b"));
        assert_eq!(agents.named_or_default(Some("c")), Ok("c"));
        assert_eq!(agents.entries().iter().map(id).collect::<Vec<_>>(), [MAIN, "a", "b", "c"]);
    }

    #[test]
    fn an_agent_that_is_named_is_there() {
        let agents = agents(json!([{"id": "a"}, {"name": "of no id", "default": true}]));
        assert_eq!(agents.named_or_default(None), Ok(MAIN));
        for named in ["", "b", "A"] {
            assert_eq!(agents.named_or_default(Some(named)).unwrap_err().code, "NOT_FOUND", "{named:?}");
        }
    }
}
