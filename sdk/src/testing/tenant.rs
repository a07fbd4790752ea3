//! The tenant that a test makes.

use super::call::{Facts, answer, migrate, run_task};
use super::caller::Caller;
use super::manifest::Served;
use super::scripted::{self, Said};
use super::scripts::Invocation;
use super::state::{Event, LogLine, State, Usage};
use crate::bindings::openclaw::gateway::{
    documents as raw_documents, files as raw_files, nodes::Link, vectors as raw_vectors, workspace as raw_workspace,
};
use crate::channels::Message;
use crate::documents::Database;
use crate::files::Directory;
use crate::http::{Request, Response};
use crate::sandbox::{Outcome, Workload};
use crate::timers::Timer;
use crate::vectors::Index;
use crate::{Error, Handler, Result};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::rc::Rc;
use std::time::Duration;

const NAME: &str = "acme";

/// A tenant with a handler installed, every capability of which is in memory.
///
/// All that the handler asks for is granted, except what the test would have to
/// play and does not: that is refused as on a host that did not grant it.
pub struct Tenant {
    state: Rc<State>,
    caller: Caller,
}

impl Tenant {
    /// A tenant that is served by this handler: `greeter::HANDLER`.
    ///
    /// # Panics
    /// When the handler's manifest is one that the host refuses.
    #[must_use]
    pub fn new(handler: Handler) -> Self {
        let tenant = Self { state: Rc::default(), caller: Caller::tenant() };
        tenant.state.tenant.replace(Some(NAME.to_owned()));
        tenant.with_handler(handler)
    }

    /// Serves another family to the tenant too, for calls of its methods.
    ///
    /// # Panics
    /// When the handler's manifest is one that the host refuses.
    #[must_use]
    pub fn with_handler(self, handler: Handler) -> Self {
        let served = Served::new(handler).unwrap_or_else(|wrong| panic!("the host refuses this manifest: {wrong}"));
        self.state.handlers.borrow_mut().push(Rc::new(served));
        self
    }

    /// Calls a method as a client does: parameters and result are checked
    /// against the manifest's schemas.
    ///
    /// # Errors
    /// What the client would get: the handler's own error, INVALID_REQUEST
    /// (parameters or method), FORBIDDEN (scope), COMPONENT_FAILED (a result
    /// that is not what its schema says).
    ///
    /// # Panics
    /// When the handler does, and when `T` does not fit the result.
    pub fn call<P: Serialize, T: DeserializeOwned>(&self, method: &str, params: P) -> Result<T> {
        let params = serde_json::to_value(params)?;
        let result = answer(&self.state, &self.caller, 0, method, &params)?;
        Ok(serde_json::from_value(result.clone()).unwrap_or_else(|error| panic!("{result} does not fit: {error}")))
    }

    /// Runs the tasks that were started, those that they start too; answers how many.
    pub fn run_tasks(&self) -> usize {
        std::iter::from_fn(|| run_task(&self.state).then_some(())).count()
    }

    /// The gateway dies: tasks that were started are gone, and what they had is free.
    pub fn kill(&self) {
        self.state.tasks.clear();
    }

    /// Has the handler convert the documents that are there, as the host does before its first call:
    /// `replaced` is the version whose migration ran last.
    ///
    /// # Errors
    /// What the handler answers; the documents are as they were then.
    pub fn migrate(&self, replaced: Option<&str>) -> Result<()> {
        let served = Rc::clone(&self.state.handlers.borrow()[0]);
        migrate(&self.state, &served, replaced)
    }

    /// Makes the calls with these scopes alone.
    #[must_use]
    pub fn with_scopes<'a>(mut self, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        self.caller.scopes = scopes.into_iter().map(str::to_owned).collect();
        self
    }

    /// Makes the calls as the operator, on this tenant's behalf.
    #[must_use]
    pub fn as_operator(self) -> Self {
        self.with_scopes(["admin"])
    }

    /// Makes the calls as the operator, on the gateway itself.
    #[must_use]
    pub fn as_gateway(self) -> Self {
        self.state.tenant.replace(None);
        self.as_operator()
    }

    /// Takes a grant away, as an operator writes it: `config`, `documents`,
    /// `documents:sessions/sessions`.
    #[must_use]
    pub fn without_grant(self, grant: &str) -> Self {
        self.state.revoked.borrow_mut().insert(grant.to_owned());
        self
    }

    /// Gives the tenant this overlay as its configuration.
    #[must_use]
    pub fn with_config(self, overlay: Value) -> Self {
        self.state.config.borrow_mut().set_overlay(overlay);
        self
    }

    /// Puts this configuration of the gateway below the tenant's, of which these
    /// first words of keys are the operator's alone.
    #[must_use]
    pub fn with_gateway_config(self, config: Value, admin_only_keys: &[&str]) -> Self {
        {
            let mut own = self.state.config.borrow_mut();
            own.gateway = config;
            own.admin_only_keys = admin_only_keys.iter().map(|&key| key.to_owned()).collect();
        }
        self
    }

    /// Damages the tenant's configuration file.
    #[must_use]
    pub fn with_damaged_config(self, why: &str) -> Self {
        self.state.config.borrow_mut().damage = Some(why.to_owned());
        self
    }

    /// Gives the tenant's ledger.
    #[must_use]
    pub fn with_usage(self, usage: Usage) -> Self {
        self.state.usage.replace(Some(usage));
        self
    }

    /// Uses the tenant's `disk_bytes` up: nothing more may be written.
    #[must_use]
    pub fn with_full_disk(self) -> Self {
        self.state.is_full.set(true);
        self
    }

    /// Keeps a secret for a family.
    #[must_use]
    pub fn with_secret(self, family: &str, name: &str, value: &[u8]) -> Self {
        self.state.secrets.borrow_mut().insert((family.to_owned(), name.to_owned()), value.to_vec());
        self
    }

    /// Repeats the same randomness for the same seed; 0 unless it is set.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        self.state.random.seed(seed);
        self
    }

    /// Sets the clock to a time in Unix milliseconds. It stands still until it is moved.
    pub fn set_clock(&self, unix_ms: u64) {
        self.state.clock.set(unix_ms);
    }

    /// Moves the clocks.
    pub fn advance(&self, duration: Duration) {
        self.state.clock.advance(duration);
    }

    /// The time of the tenant's clock, in Unix milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.state.clock.unix_ms()
    }

    /// Plays a method of another family, which the handler calls.
    #[must_use]
    pub fn with_method(self, method: &str, play: impl FnMut(&Value) -> Result<Value> + 'static) -> Self {
        self.state.scripts.methods.borrow_mut().insert(method.to_owned(), Box::new(play));
        self
    }

    /// Plays the sandbox.
    #[must_use]
    pub fn with_sandbox(self, play: impl FnMut(&Workload) -> Result<Outcome> + 'static) -> Self {
        self.state.scripts.sandbox.set(play);
        self
    }

    /// Plays the sandbox from now on: the play may call the tenant itself.
    pub fn play_sandbox(&self, play: impl FnMut(&Workload) -> Result<Outcome> + 'static) {
        self.state.scripts.sandbox.set(play);
    }

    /// Plays the hosts that the handler sends requests to.
    #[must_use]
    pub fn with_http(self, play: impl FnMut(&Request) -> Result<Response> + 'static) -> Self {
        self.state.scripts.http.set(play);
        self
    }

    /// Plays what runs in the terminals: it answers what is typed.
    #[must_use]
    pub fn with_terminal(self, play: impl FnMut(&[u8]) -> Result<Vec<u8>> + 'static) -> Self {
        self.state.scripts.terminal.set(play);
        self
    }

    /// Plays the language model: it answers a request by its pieces, each with its kind.
    #[must_use]
    pub fn with_model(self, play: impl FnMut(&Value) -> Result<Vec<(String, Value)>> + 'static) -> Self {
        self.state.scripts.model.set(play);
        self
    }

    /// Plays the language model by a script: the first answer that fits the last message is given. Where none fits
    /// the model fails.
    #[must_use]
    pub fn with_script(self, script: impl IntoIterator<Item = Said>) -> Self {
        let script: Vec<Said> = script.into_iter().collect();
        self.with_model(move |request| scripted::answer(&script, request))
    }

    /// Plays the embedding model.
    #[must_use]
    pub fn with_embedder(self, dimensions: u32, play: impl FnMut(&str) -> Result<Vec<f32>> + 'static) -> Self {
        self.state.scripts.dimensions.set(dimensions);
        self.state.scripts.embedder.set(play);
        self
    }

    /// At which agent's expense each text was embedded, the oldest first; empty where it was the tenant's alone.
    #[must_use]
    pub fn embedded_for(&self) -> Vec<String> {
        self.state.scripts.embedded_for.borrow().clone()
    }

    /// Connects these nodes and plays them.
    #[must_use]
    pub fn with_nodes(self, ids: &[&str], play: impl FnMut(&Invocation) -> Result<Value> + 'static) -> Self {
        let link = |&id: &&str| Link {
            node_id: id.to_owned(),
            connected_ms: self.state.clock.unix_ms(),
            remote_address: "192.0.2.1".to_owned(),
        };
        self.state.scripts.links.replace(ids.iter().map(link).collect());
        self.state.scripts.nodes.set(play);
        self
    }

    /// Connects an account of a messaging channel; an empty name is the default account.
    #[must_use]
    pub fn with_channel(self, channel: &str, account: &str) -> Self {
        self.state.channels.borrow_mut().add(channel, account);
        self
    }

    /// The database of a family, to look into it or to fill it.
    #[must_use]
    pub fn database(&self, family: &str) -> Database {
        Database(self.opened(|facts| raw_documents::Database::of(facts, family)))
    }

    /// The directory of a family, to look into it or to fill it.
    #[must_use]
    pub fn files(&self, family: &str) -> Directory {
        Directory(self.opened(|facts| raw_files::Directory::of(facts, family)))
    }

    /// A vector index of a family, to look into it or to fill it.
    ///
    /// # Panics
    /// When it has another number of dimensions.
    #[must_use]
    pub fn vectors(&self, family: &str, name: &str, dimensions: u32) -> Index {
        Index(self.opened(|facts| raw_vectors::Index::of(facts, family, name, dimensions)))
    }

    /// The workspace, to look into it or to fill it.
    #[must_use]
    pub fn workspace(&self) -> Directory {
        self.files(raw_workspace::NAME)
    }

    /// The value of a family's secret.
    #[must_use]
    pub fn secret(&self, family: &str, name: &str) -> Option<Vec<u8>> {
        self.state.secrets.borrow().get(&(family.to_owned(), name.to_owned())).cloned()
    }

    /// The events that were published, the oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.state.events.borrow().clone()
    }

    /// The lines that were logged, the oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<LogLine> {
        self.state.log.borrow().clone()
    }

    /// The timers of a family by name.
    #[must_use]
    pub fn timers(&self, family: &str) -> Vec<Timer> {
        let timers = self.state.timers.borrow();
        timers.get(family).into_iter().flat_map(|own| own.values().cloned()).collect()
    }

    /// The messages that were sent, the oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.state.channels.borrow().sent().to_vec()
    }

    /// Whether a handler has deleted the tenant.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.state.is_deleted.get()
    }

    /// Opens a handle for the test itself.
    fn opened<T>(&self, open: impl FnOnce(&Rc<Facts>) -> Result<T, Error>) -> T {
        let served = Rc::clone(&self.state.handlers.borrow()[0]);
        let facts = Rc::new(Facts::new(&self.state, &served, &self.caller, 0, ""));
        open(&facts).unwrap_or_else(|error| panic!("{}: {}", error.code, error.message))
    }
}
