//! One call, from its parameters to its result, as the host makes it.

#![allow(clippy::disallowed_methods, reason = "what the handler under test answers and sends")]

use super::caller::Caller;
use super::manifest::{Served, SharedCollection};
use super::state::{Event, LogLine, State};
use super::tasks::{Claim, Task};
use crate::bindings::openclaw::gateway::{calls::Call, documents::Operation, log::Level};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How deep calls of methods may nest.
const DEPTH: u32 = 4;
const EVENTS: usize = 1024;
const PAYLOAD_BYTES: usize = 64 << 10;
/// What the host gives a call by default; the clock stands still meanwhile.
const WALL_MS: u64 = 30_000;
const LOG_LINES: usize = 200;
const QUOTA_EXCEEDED: &str = "QUOTA_EXCEEDED";

/// The codes that reach a client as they are.
const KNOWN: &[&str] = &["INVALID_REQUEST", "FORBIDDEN", "NOT_FOUND", "CONFLICT", "UNAVAILABLE"];

/// What the host knows of a call.
pub(crate) struct Facts {
    pub(crate) state: Rc<State>,
    pub(crate) method: String,
    pub(crate) caller: Caller,
    pub(crate) request_id: String,
    served: Rc<Served>,
    depth: u32,
    published: Cell<usize>,
    log_lines: Cell<usize>,
    over_quota: Cell<bool>,
    /// The claim that this task was started with.
    pub(crate) inherited: Cell<Option<Claim>>,
    /// It converts documents, and may do nothing else.
    pub(crate) migrating: bool,
}

thread_local! {
    /// The calls that run on this thread, the innermost last.
    static RUNNING: RefCell<Vec<Rc<Facts>>> = const { RefCell::new(Vec::new()) };
}

/// The call that runs; none in a test's own code.
pub(crate) fn current() -> Option<Rc<Facts>> {
    RUNNING.with_borrow(|running| running.last().cloned())
}

/// Ends the running call, when a handler panics too.
struct Running;

impl Running {
    fn begin(facts: Rc<Facts>) -> Self {
        RUNNING.with_borrow_mut(|running| running.push(facts));
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(|running| drop(running.pop()));
    }
}

/// Answers a call by the handler that serves its method.
pub(crate) fn answer(state: &Rc<State>, caller: &Caller, depth: u32, method: &str, params: &Value) -> Result<Value> {
    answer_with(state, caller, depth, method, params, None)
}

/// Runs the task that was started first; false where none waits. Nobody reads its answer.
pub(crate) fn run_task(state: &Rc<State>) -> bool {
    let Some(Task { method, params, caller, claim }) = state.tasks.pop() else { return false };
    // Refused or answered, it has ended.
    let _ = answer_with(state, &caller, 0, &method, &params, claim);
    true
}

fn answer_with(
    state: &Rc<State>,
    caller: &Caller,
    depth: u32,
    method: &str,
    params: &Value,
    claim: Option<Claim>,
) -> Result<Value> {
    let not_found = || Error::invalid(format!("method not found: {method}"));
    let served = state.serving(method).ok_or_else(not_found)?;
    let described = served.method(method).ok_or_else(not_found)?;
    if !caller.may(&described.scope) {
        let message = format!("{method} needs the scope {}, which this request does not carry", described.scope);
        return Err(Error::forbidden(message).with_data(&json!({"scope": described.scope})));
    }
    described.params.check(params).map_err(Error::invalid)?;
    let facts = Rc::new(Facts::new(state, &served, caller, depth, method));
    facts.inherited.set(claim);
    let result = {
        let _running = Running::begin(Rc::clone(&facts));
        (served.handler.handle)(&Call(Rc::clone(&facts)), params.to_string().into_bytes())
    };
    let result = result.map_err(|error| facts.refusal(error))?;
    let failed = |what: String| Error::new("COMPONENT_FAILED", format!("the answer of {method} is {what}"));
    let result = serde_json::from_slice(&result).map_err(|error| failed(format!("not JSON: {error}")))?;
    described.result.check(&result).map_err(|wrong| failed(format!("against its schema: {wrong}")))?;
    Ok(result)
}

/// Has a handler convert the documents that are there; they are as they were where it fails.
pub(crate) fn migrate(state: &Rc<State>, served: &Rc<Served>, replaced: Option<&str>) -> Result<()> {
    let family = served.manifest.family.as_str();
    let migrate = served.handler.migrate.ok_or_else(|| Error::invalid(format!("{family} has no `#[migrate]`")))?;
    let nobody = Caller { scopes: Vec::new() };
    let facts = Rc::new(Facts { migrating: true, ..Facts::new(state, served, &nobody, 0, "migrate") });
    let before = state.with_store(family, |store| Ok(store.clone()))?;
    let migrated = {
        let _running = Running::begin(Rc::clone(&facts));
        migrate(&Call(Rc::clone(&facts)), replaced)
    };
    migrated.or_else(|error| {
        state.with_store(family, |store| {
            *store = before;
            Ok(())
        })?;
        Err(facts.refusal(error))
    })
}

/// Keeps a line of the running call; those over the limit are dropped.
pub(crate) fn log(level: Level, message: &str, fields: &[(String, String)]) {
    let Some(facts) = current() else { return };
    let lines = facts.log_lines.get() + 1;
    facts.log_lines.set(lines);
    if lines <= LOG_LINES {
        let line = LogLine { level, message: message.to_owned(), fields: fields.to_vec() };
        facts.state.log.borrow_mut().push(line);
    }
}

impl Facts {
    pub(crate) fn new(state: &Rc<State>, served: &Rc<Served>, caller: &Caller, depth: u32, method: &str) -> Self {
        state.requests.set(state.requests.get() + 1);
        Self {
            state: Rc::clone(state),
            method: method.to_owned(),
            caller: caller.clone(),
            request_id: format!("request-{}", state.requests.get()),
            served: Rc::clone(served),
            depth,
            published: Cell::new(0),
            log_lines: Cell::new(0),
            over_quota: Cell::new(false),
            inherited: Cell::new(None),
            migrating: false,
        }
    }

    pub(crate) fn family(&self) -> &str {
        &self.served.manifest.family
    }

    pub(crate) fn remaining_ms(&self) -> u64 {
        WALL_MS
    }

    pub(crate) fn tenant(&self) -> Result<String> {
        let tenant = self.state.tenant.borrow().clone();
        tenant.ok_or_else(|| {
            Error::invalid("this call is for no tenant: name one (header X-OpenClaw-Tenant, or --tenant)")
        })
    }

    pub(crate) fn not_granted(&self, what: &str) -> Error {
        Error::forbidden(format!("{what} is not granted to this component"))
    }

    pub(crate) fn granted(&self, interface: &str) -> Result<()> {
        let closed = self.migrating && !["documents", "files"].contains(&interface);
        match closed || self.is_revoked(interface) {
            true => Err(self.not_granted(interface)),
            false => Ok(()),
        }
    }

    fn is_revoked(&self, grant: &str) -> bool {
        self.state.revoked.borrow().contains(grant)
    }

    fn shared(&self) -> impl Iterator<Item = &SharedCollection> {
        self.served.manifest.shared_documents.iter().filter(|shared| !self.is_revoked(&shared.grant()))
    }

    pub(crate) fn may_read(&self, family: &str, collection: &str) -> Result<()> {
        match self.shared().any(|shared| shared.is(family, collection)) {
            true => Ok(()),
            false => Err(Error::forbidden(format!("the collection {family}/{collection} is not granted"))),
        }
    }

    pub(crate) fn may_write_some(&self, family: &str) -> Result<()> {
        match self.shared().any(|shared| shared.family == family && shared.is_writable()) {
            true => Ok(()),
            false => Err(Error::forbidden(format!("nothing of the family {family} is granted for writing"))),
        }
    }

    pub(crate) fn may_write(&self, family: &str, operation: &Operation) -> Result<()> {
        let (name, word) = match operation {
            Operation::Put(put) => (&put.collection, put.collection.as_str()),
            Operation::Delete(delete) => (&delete.collection, delete.collection.as_str()),
            Operation::Append(append) => (&append.log, first_word(&append.log)),
            Operation::Trim(trim) => (&trim.log, first_word(&trim.log)),
        };
        match self.shared().any(|shared| shared.is(family, word) && shared.is_writable()) {
            true => Ok(()),
            false => Err(Error::forbidden(format!("writing {family}/{name} is not granted"))),
        }
    }

    /// Refuses to write where the tenant's disk is used up.
    pub(crate) fn room_for(&self, bytes: usize) -> Result<()> {
        if bytes == 0 || !self.state.is_full.get() {
            return Ok(());
        }
        self.over_quota.set(true);
        Err(Error::new(QUOTA_EXCEEDED, "disk_bytes is used up"))
    }

    pub(crate) fn publish(&self, event: &str, payload: &[u8]) -> Result<u64> {
        if self.migrating {
            return Err(Error::forbidden("a migration publishes no event"));
        }
        if !self.served.manifest.events.iter().any(|listed| listed == event) {
            return Err(Error::forbidden(format!("the manifest does not list the event {event:?}")));
        }
        if payload.len() > PAYLOAD_BYTES {
            return Err(Error::invalid(format!("an event's payload is at most {PAYLOAD_BYTES} bytes")));
        }
        self.published.set(self.published.get() + 1);
        assert!(self.published.get() <= EVENTS, "a call that publishes more than {EVENTS} events is ended");
        let payload = serde_json::from_slice(payload)
            .map_err(|error| Error::invalid(format!("an event's payload is JSON: {error}")))?;
        let mut events = self.state.events.borrow_mut();
        events.push(Event { name: event.to_owned(), payload });
        Ok(events.len() as u64)
    }

    pub(crate) fn call_method(&self, method: &str, params: &[u8]) -> Result<Vec<u8>> {
        let params: Value = serde_json::from_slice(params)
            .map_err(|error| Error::invalid(format!("the parameters are JSON: {error}")))?;
        if self.depth == DEPTH {
            return Err(Error::invalid(format!("calls of methods nest at most {DEPTH} deep")));
        }
        // It is put back after it has run: it may look at the tenant meanwhile.
        let played = self.state.scripts.methods.borrow_mut().remove(method);
        let result = match played {
            Some(mut play) => {
                let result = play(&params);
                self.state.scripts.methods.borrow_mut().entry(method.to_owned()).or_insert(play);
                result?
            }
            None if self.state.serving(method).is_none() => {
                return Err(Error::forbidden(format!("the method {method} is not granted")));
            }
            None => answer(&self.state, &self.caller, self.depth + 1, method, &params)?,
        };
        Ok(result.to_string().into_bytes())
    }

    pub(crate) fn start_task(&self, method: &str, params: &[u8], claim: Option<Claim>) -> Result<()> {
        let params = serde_json::from_slice(params)
            .map_err(|error| Error::invalid(format!("the parameters are JSON: {error}")))?;
        if self.served.method(method).is_none() {
            return Err(Error::forbidden(format!("{method} is a method of another family")));
        }
        let caller = if self.caller.is_operator() { Caller::tenant() } else { self.caller.clone() };
        let task = Task { method: method.to_owned(), params, caller, claim };
        let has_room = self.state.tasks.push(task);
        let too_many = || Error::unavailable("too many tasks of this tenant are running", Some(1000));
        has_room.then_some(()).ok_or_else(too_many)
    }

    /// What reaches the client of what a handler answers: an unknown code is the handler's fault.
    fn refusal(&self, error: Error) -> Error {
        let passes = KNOWN.contains(&error.code.as_str()) || error.code == QUOTA_EXCEEDED && self.over_quota.get();
        let code = if passes { error.code } else { "INTERNAL".to_owned() };
        Error { code, ..error }
    }
}

/// A log is granted with the collection that its name begins with.
pub(crate) fn first_word(log: &str) -> &str {
    log.split_once(':').map_or(log, |(word, _)| word)
}
