//! The exit codes of verbs that run a program and end as it did: as of `timeout`, and of `docker run`.

use serde_json::Value;

pub(super) const TIME_OVER: u8 = 124;
/// It was not the program that ended it, nor its time.
pub(super) const ENDED_OTHERWISE: u8 = 125;

/// Of a program that ended by itself: its exit code, or 128 and the number of its signal.
pub(super) fn of_program(ended: &Value) -> u8 {
    let number = |name: &str, base: u64| u8::try_from(ended[name].as_u64()?.checked_add(base)?).ok();
    number("exitCode", 0).or_else(|| number("signal", 128)).unwrap_or(ENDED_OTHERWISE)
}
