//! The sandbox's modes by their strictness: each level of the configuration may choose the same or a stricter one.

use serde_json::Value;

/// The laxest first.
const MODES: [&str; 2] = ["bwrap", "docker"];

/// Its place among the modes; `None` for what is none, which is laxer than all of them.
pub(crate) fn strictness(mode: &Value) -> Option<usize> {
    let mode = mode.as_str()?;
    MODES.iter().position(|known| *known == mode)
}

/// The stricter of what two levels choose; of two that are alike, the first.
pub(super) fn stricter<'v>(one: &'v Value, other: &'v Value) -> &'v Value {
    if strictness(other) > strictness(one) { other } else { one }
}
