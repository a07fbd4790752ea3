//! Which calls are expected to be like the ones before them. What a call will take is not known when it begins, only
//! what the component took for the same tenant before. The expectation ends after so many calls that were not.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use crate::digest::Digest;

/// So many components of one tenant are remembered.
const REMEMBERED: usize = 64;

/// A tenant's row, and the component that it calls.
pub(crate) type Pair = (u64, Digest);

/// Which calls are expected to be of a kind.
#[derive(Debug)]
pub(crate) struct Expected {
    /// How many are expected after one that was.
    calls: u32,
    any: AtomicBool,
    left: RwLock<HashMap<Pair, AtomicU32>>,
}

impl Expected {
    pub(crate) fn new(calls: u32) -> Self {
        Self { calls, any: AtomicBool::default(), left: RwLock::default() }
    }

    /// Takes one of the calls that are expected of a tenant and component; false where none is.
    pub(crate) fn take(&self, pair: Pair) -> bool {
        if !self.any.load(Ordering::Relaxed) {
            return false;
        }
        let left = {
            let pairs = self.left.read().unwrap_or_else(PoisonError::into_inner);
            let Some(left) = pairs.get(&pair) else { return false };
            left.fetch_sub(1, Ordering::Relaxed)
        };
        if left <= 1 {
            let mut pairs = self.left.write().unwrap_or_else(PoisonError::into_inner);
            pairs.remove(&pair);
            self.any.store(!pairs.is_empty(), Ordering::Relaxed);
        }
        true
    }

    /// A call was of the kind: as many are expected again.
    pub(crate) fn renew(&self, pair: Pair) {
        let known = self.left.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = known.get(&pair) {
            left.store(self.calls, Ordering::Relaxed);
            return;
        }
        drop(known);
        let mut pairs = self.left.write().unwrap_or_else(PoisonError::into_inner);
        // A tenant with ever new versions takes no more room than this.
        if pairs.keys().filter(|(row, _)| *row == pair.0).count() >= REMEMBERED {
            pairs.retain(|(row, _), _| *row != pair.0);
        }
        pairs.insert(pair, self.calls.into());
        self.any.store(true, Ordering::Relaxed);
    }

    /// Forgets a tenant that is gone.
    pub(crate) fn forget(&self, row: u64) {
        let mut pairs = self.left.write().unwrap_or_else(PoisonError::into_inner);
        pairs.retain(|(whose, _), _| *whose != row);
        self.any.store(!pairs.is_empty(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_calls_are_expected_of_the_tenant_and_component_that_had_one() {
        let expected = Expected::new(8);
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        assert!(!expected.take((1, one)));
        expected.renew((1, one));
        assert!(!expected.take((2, one)), "another tenant's calls are its own");
        assert!(!expected.take((1, other)), "so are another component's");
        let calls = (0..).take_while(|_| expected.take((1, one))).count();
        assert_eq!(calls, 8);
        assert!(expected.left.read().unwrap().is_empty(), "nothing is kept of who is like all others again");
        assert!(!expected.any.load(Ordering::Relaxed));
    }

    #[test]
    fn of_a_tenant_so_many_components_are_remembered_and_none_once_it_is_gone() {
        let expected = Expected::new(8);
        let add = |row, version: usize| expected.renew((row, Digest::of(&version.to_ne_bytes())));
        let remembered = |row| expected.left.read().unwrap().keys().filter(|(whose, _)| *whose == row).count();
        add(2, 0);
        (0..3 * REMEMBERED).for_each(|version| add(1, version));
        assert!((1..=REMEMBERED).contains(&remembered(1)));
        expected.forget(1);
        assert_eq!((remembered(1), remembered(2)), (0, 1));
        expected.forget(2);
        assert!(!expected.any.load(Ordering::Relaxed));
    }
}
