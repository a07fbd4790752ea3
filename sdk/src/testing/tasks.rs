//! Tasks that wait for the test to run them, and the names that calls have.

use super::caller::Caller;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::{Rc, Weak};

/// How many wait at once.
const TASKS: usize = 16;

/// A family's name, and one that a call of it has.
type Name = (String, String);

/// The names that are taken.
type Names = RefCell<BTreeSet<Name>>;

/// The tenant's tasks and claims.
#[derive(Default)]
pub(crate) struct Tasks {
    waiting: RefCell<VecDeque<Task>>,
    claimed: Rc<Names>,
}

/// A name that a call, or a task that waits, has until this is dropped.
pub struct Claim {
    claimed: Weak<Names>,
    name: Name,
}

/// A task that was started and has not begun.
pub(crate) struct Task {
    pub(crate) method: String,
    pub(crate) params: Value,
    pub(crate) caller: Caller,
    pub(crate) claim: Option<Claim>,
}

impl Tasks {
    /// Takes a name; none where it is taken.
    pub(crate) fn claim(&self, family: &str, name: &str) -> Option<Claim> {
        let name = (family.to_owned(), name.to_owned());
        let is_free = self.claimed.borrow_mut().insert(name.clone());
        is_free.then(|| Claim { claimed: Rc::downgrade(&self.claimed), name })
    }

    /// Puts a task behind those that wait; false where there is no room.
    pub(crate) fn push(&self, task: Task) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let has_room = waiting.len() < TASKS;
        if has_room {
            waiting.push_back(task);
        }
        has_room
    }

    /// The one that was started first.
    pub(crate) fn pop(&self) -> Option<Task> {
        self.waiting.borrow_mut().pop_front()
    }

    /// Ends who has a name: a task that waits is not run. A call that runs is the one that asks, which goes on.
    pub(crate) fn end(&self, family: &str, name: &str) -> bool {
        let name = (family.to_owned(), name.to_owned());
        let has_it = |task: &Task| task.claim.as_ref().is_some_and(|claim| claim.name == name);
        let ended = {
            let mut waiting = self.waiting.borrow_mut();
            let found = waiting.iter().position(has_it);
            found.and_then(|at| waiting.remove(at))
        };
        ended.is_some() || self.claimed.borrow().contains(&name)
    }

    /// Forgets all that wait, as a gateway does that ends.
    pub(crate) fn clear(&self) {
        // Dropped when nothing is borrowed: each gives its name back.
        drop(self.waiting.take());
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(claimed) = self.claimed.upgrade() {
            claimed.borrow_mut().remove(&self.name);
        }
    }
}
