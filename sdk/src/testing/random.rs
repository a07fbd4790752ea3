//! The tenant's randomness under test, which a seed repeats; the machine's elsewhere.

use super::call::current;
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// SplitMix64: good enough to tell two identifiers apart.
#[derive(Default)]
pub(crate) struct Generator(Cell<u64>);

impl Generator {
    pub(crate) fn seed(&self, seed: u64) {
        self.0.set(seed);
    }

    fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

pub(crate) fn bytes(length: u64) -> Vec<u8> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let words = || match current() {
        Some(facts) => facts.state.random.next(),
        // Each one has keys of its own, from the operating system's.
        None => RandomState::new().hash_one(length),
    };
    std::iter::repeat_with(words).flat_map(u64::to_le_bytes).take(length).collect()
}

pub(crate) fn array<const N: usize>() -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes(N as u64));
    array
}
