//! Capabilities that have no form in memory: the test plays them.

use super::call::Facts;
use crate::bindings::openclaw::gateway::{nodes::Link, sandbox};
use crate::http::{Request, Response};
use crate::{Error, Result};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// What the test answers to `I`. One that it does not give is not granted.
pub(crate) struct Script<I: ?Sized, O>(RefCell<Option<Play<I, O>>>);

type Play<I, O> = Box<dyn FnMut(&I) -> Result<O>>;

/// A piece of a model's answer: its kind and its data.
pub(crate) type Piece = (String, Value);

/// A command for one of the tenant's nodes.
pub struct Invocation {
    /// The node.
    pub node_id: String,
    /// The command.
    pub command: String,
    /// Its parameters.
    pub params: Value,
}

#[derive(Default)]
pub(crate) struct Scripts {
    pub(crate) sandbox: Script<sandbox::Workload, sandbox::Outcome>,
    pub(crate) http: Script<Request, Response>,
    pub(crate) terminal: Script<[u8], Vec<u8>>,
    pub(crate) model: Script<Value, Vec<Piece>>,
    pub(crate) embedder: Script<str, Vec<f32>>,
    pub(crate) dimensions: Cell<u32>,
    /// The agent at whose expense, one entry a text; empty where it was the tenant's alone.
    pub(crate) embedded_for: RefCell<Vec<String>>,
    pub(crate) nodes: Script<Invocation, Value>,
    pub(crate) links: RefCell<Vec<Link>>,
    /// By the method's name.
    pub(crate) methods: RefCell<BTreeMap<String, Play<Value, Value>>>,
}

impl<I: ?Sized, O> Default for Script<I, O> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<I: ?Sized, O> Script<I, O> {
    pub(crate) fn set(&self, play: impl FnMut(&I) -> Result<O> + 'static) {
        self.0.replace(Some(Box::new(play)));
    }

    /// Refuses to open what the test does not play.
    pub(crate) fn check(&self, facts: &Facts, interface: &str) -> Result<()> {
        match *self.0.borrow() {
            Some(_) => Ok(()),
            None => Err(facts.not_granted(interface)),
        }
    }

    pub(crate) fn play(&self, input: &I) -> Result<O> {
        // It is put back after it has run: it may look at the tenant meanwhile.
        let Some(mut play) = self.0.take() else {
            return Err(Error::unavailable("the test plays this already", None));
        };
        let output = play(input);
        self.0.borrow_mut().get_or_insert(play);
        output
    }
}
