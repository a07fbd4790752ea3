//! All there is of a tenant under test.

use super::channels::Channels;
use super::clock::Clock;
use super::config::Config;
use super::documents::Store;
use super::files::Tree;
use super::manifest::Served;
use super::random::Generator;
use super::scripts::Scripts;
use super::tasks::Tasks;
use super::vectors::Items;
use crate::Result;
use crate::bindings::openclaw::gateway::{log::Level, pty, timers::Timer};
use crate::rfc3339;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// An event that was published.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The event's name.
    pub name: String,
    /// What came with it.
    pub payload: Value,
}

/// A line that was written to the log.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// The text.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

/// What the ledger says of the tenant, in the contract's shapes.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// TenantUsageSnapshot of the running period.
    pub current: Value,
    /// TenantQuotaStatus.
    pub quota_status: Value,
    /// TenantUsageSnapshots, newest first.
    pub history: Vec<Value>,
}

/// Two names: a family's, and that of a thing of the family.
type OfFamily = (String, String);

#[derive(Default)]
pub(crate) struct State {
    /// None for the operator's calls on the gateway itself.
    pub(crate) tenant: RefCell<Option<String>>,
    pub(crate) handlers: RefCell<Vec<Rc<Served>>>,
    /// Grants that were taken away, as an operator writes them.
    pub(crate) revoked: RefCell<BTreeSet<String>>,
    databases: RefCell<BTreeMap<String, Store>>,
    directories: RefCell<BTreeMap<String, Tree>>,
    pub(crate) secrets: RefCell<BTreeMap<OfFamily, Vec<u8>>>,
    pub(crate) config: RefCell<Config>,
    pub(crate) events: RefCell<Vec<Event>>,
    pub(crate) log: RefCell<Vec<LogLine>>,
    pub(crate) usage: RefCell<Option<Usage>>,
    pub(crate) timers: RefCell<BTreeMap<String, BTreeMap<String, Timer>>>,
    pub(crate) tasks: Tasks,
    pub(crate) terminals: RefCell<BTreeMap<String, pty::Running>>,
    pub(crate) vectors: RefCell<BTreeMap<OfFamily, Items>>,
    pub(crate) channels: RefCell<Channels>,
    pub(crate) scripts: Scripts,
    pub(crate) clock: Clock,
    pub(crate) random: Generator,
    /// Nothing more may be written.
    pub(crate) is_full: Cell<bool>,
    pub(crate) is_deleted: Cell<bool>,
    pub(crate) requests: Cell<u64>,
}

impl State {
    /// Who answers a method.
    pub(crate) fn serving(&self, method: &str) -> Option<Rc<Served>> {
        self.handlers.borrow().iter().find(|served| served.method(method).is_some()).cloned()
    }

    pub(crate) fn with_store<T>(&self, family: &str, act: impl FnOnce(&mut Store) -> Result<T>) -> Result<T> {
        act(self.databases.borrow_mut().entry(family.to_owned()).or_default())
    }

    pub(crate) fn with_tree<T>(&self, family: &str, act: impl FnOnce(&mut Tree) -> Result<T>) -> Result<T> {
        act(self.directories.borrow_mut().entry(family.to_owned()).or_default())
    }

    pub(crate) fn registration(&self) -> Value {
        json!({
            "tenantId": *self.tenant.borrow(),
            "createdAt": rfc3339(0),
            "disabled": false,
            "stateDir": ".",
        })
    }
}
