//! What was expected of a reply, against what came.

use serde_json::Value;

/// The first place where two values differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// `result.items.0.name`.
    pub(super) place: String,
    pub(super) expected: String,
    pub(super) actual: String,
}

/// How much of a value must be as expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// The members that are named, at every depth. Arrays count element by element.
    Named,
}

/// Compares two values; none where they agree.
pub(super) fn compare(place: &str, expected: &Value, actual: &Value, extent: Extent) -> Option<Mismatch> {
    let differ = || Some(mismatch(place, expected.to_string(), actual.to_string()));
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(got)) => {
            let missing = |key: &String| mismatch(&format!("{place}.{key}"), wanted[key].to_string(), "nothing");
            let named = wanted.iter().find_map(|(key, value)| match got.get(key) {
                Some(actual) => compare(&format!("{place}.{key}"), value, actual, extent),
                None => Some(missing(key)),
            });
            let extra = || {
                let (key, value) = got.iter().find(|(key, _)| !wanted.contains_key(*key))?;
                Some(mismatch(&format!("{place}.{key}"), "nothing", value.to_string()))
            };
            named.or_else(|| if extent == Extent::Whole { extra() } else { None })
        }
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            let pairs = wanted.iter().zip(got).enumerate();
            pairs.into_iter().find_map(|(at, (wanted, got))| compare(&format!("{place}.{at}"), wanted, got, extent))
        }
        (Value::Number(wanted), Value::Number(got)) if wanted.as_f64() == got.as_f64() => None,
        (wanted, got) if wanted == got => None,
        _ => differ(),
    }
}

pub(super) fn mismatch(place: &str, expected: impl Into<String>, actual: impl Into<String>) -> Mismatch {
    Mismatch { place: place.to_owned(), expected: expected.into(), actual: actual.into() }
}

#[cfg(test)]
mod tests;
