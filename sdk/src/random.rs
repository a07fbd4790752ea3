//! Identifiers from the host's randomness.

use crate::bindings::wasi::random::random::get_random_bytes;
use crate::now_ms;

/// A new ULID: 26 characters, sorted by time, 80 random bits.
#[must_use]
pub fn ulid() -> String {
    let random = get_random_bytes(10).into_iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(byte));
    encode(now_ms(), random)
}

/// Crockford's base 32 of 48 bits of time and 80 random bits.
fn encode(milliseconds: u64, random: u128) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = u128::from(milliseconds) << 80 | (random & ((1 << 80) - 1));
    (0..26).rev().map(|place| char::from(ALPHABET[(bits >> (5 * place) & 31) as usize])).collect()
}

#[cfg(test)]
mod tests;
