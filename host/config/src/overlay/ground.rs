//! What the gateway says at the places of an overlay: walked along with it.

use std::ptr;

use serde_json::Value;

use super::policy::Bounds;

static NOTHING: Value = Value::Null;

/// The key of a tool policy, at every level.
const TOOLS: &str = "tools";

/// The gateway's part of one place.
#[derive(Clone)]
pub(super) struct Ground<'v> {
    visible: &'v Value,
    /// The value at this very place; `null` where there is none.
    own: &'v Value,
    /// The same of `agents.defaults`, inside an agent.
    defaults: &'v Value,
    /// The tool policies of this level and those above.
    policies: Vec<&'v Value>,
}

impl<'v> Ground<'v> {
    pub(super) fn root(visible: &'v Value) -> Self {
        Self { visible, own: &NOTHING, defaults: &NOTHING, policies: Vec::new() }.moved(visible, &NOTHING)
    }

    fn moved(&self, own: &'v Value, defaults: &'v Value) -> Self {
        let mut policies = self.policies.clone();
        policies.extend([own, defaults].into_iter().filter_map(|level| level.get(TOOLS)));
        Self { visible: self.visible, own, defaults, policies }
    }

    pub(super) fn own(&self) -> &'v Value {
        self.own
    }

    pub(super) fn key(&self, key: &str) -> Self {
        self.moved(self.own.get(key).unwrap_or(&NOTHING), self.defaults.get(key).unwrap_or(&NOTHING))
    }

    /// The ground of an element of a list; the gateway's element is the one of the same id.
    pub(super) fn item(&self, item: &Value) -> Self {
        self.moved(self.own_item(item), &NOTHING)
    }

    /// The ground of an agent. One that the gateway does not have starts from the defaults.
    pub(super) fn agent(&self, agent: &Value) -> Self {
        self.moved(self.own_item(agent), &self.visible["agents"]["defaults"])
    }

    fn own_item(&self, item: &Value) -> &'v Value {
        let alike = |own: &&Value| same_id(own, item);
        self.own.as_array().into_iter().flatten().find(alike).unwrap_or(&NOTHING)
    }

    /// What binds a tool policy that stands here.
    pub(super) fn bounds(&self) -> Bounds<'v> {
        let mut levels = self.policies.clone();
        for level in [self.own, self.defaults] {
            if !level.is_null() && !levels.iter().any(|other| ptr::eq(*other, level)) {
                levels.push(level);
            }
        }
        Bounds::new(self.own, levels)
    }
}

/// True for elements of one id. Case and white space do not count, as they do not in an agent's id.
pub(super) fn same_id(one: &Value, other: &Value) -> bool {
    let id = |value: &'_ Value| value["id"].as_str().map(|id| id.trim().to_lowercase());
    id(one).is_some_and(|wanted| id(other).is_some_and(|other| other == wanted))
}
