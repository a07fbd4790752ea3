//! Tasks that wait for the test to run them, and the names that calls have.

use super::call::Caller;
use super::clock::wait;
use super::state::State;
use serde_json::Value;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// A family's name, and one that a call of it has.
type Name = (String, String);

/// A name that a call, or a task that waits, has until this is dropped.
pub struct Claim {
    state: Weak<State>,
    name: Name,
}

/// A task that was started and has not begun.
pub(crate) struct Task {
    pub(crate) method: String,
    pub(crate) params: Value,
    pub(crate) caller: Caller,
    pub(crate) claim: Option<Claim>,
}

impl Claim {
    /// Takes a name; where it is taken, waiting moves the clock.
    pub(crate) fn take(state: &Rc<State>, family: &str, name: &str, wait_ms: u32) -> Option<Self> {
        let name = (family.to_owned(), name.to_owned());
        if !state.claims.borrow_mut().insert(name.clone()) {
            wait(Duration::from_millis(wait_ms.into()));
            return None;
        }
        Some(Self { state: Rc::downgrade(state), name })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(state) = self.state.upgrade() {
            state.claims.borrow_mut().remove(&self.name);
        }
    }
}

impl Task {
    /// Ends who has a name: a task that waits is not run. A call that runs is the one that asks, which goes on.
    pub(crate) fn end(state: &State, family: &str, name: &str) -> bool {
        let has_it = |task: &Self| {
            task.claim.as_ref().is_some_and(|claim| (claim.name.0.as_str(), claim.name.1.as_str()) == (family, name))
        };
        let ended = {
            let mut tasks = state.tasks.borrow_mut();
            let found = tasks.iter().position(has_it);
            found.and_then(|at| tasks.remove(at))
        };
        ended.is_some() || state.claims.borrow().contains(&(family.to_owned(), name.to_owned()))
    }
}
