//! Key paths: how a place in a configuration is named, in errors, in `explain` and in overlays.
//!
//! Written with dots and bracketed indices: `models.providers[0].api_key`. A key that holds a dot,
//! a bracket, a quote or nothing at all is written as `["a.b"]`.

use std::fmt;

use serde_json::Value;

/// One step from a value into one of its children.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// A member of an object.
    Key(String),
    /// An element of an array, from 0.
    Index(usize),
}

/// A place in a configuration. The empty path is the whole document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPath(Vec<Segment>);

/// A text that is not a key path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key path: {0:?}")]
pub struct InvalidKeyPath(String);

impl KeyPath {
    /// The whole document.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of plain keys, without any parsing.
    pub fn of_keys<S: Into<String>>(keys: impl IntoIterator<Item = S>) -> Self {
        Self(keys.into_iter().map(|key| Segment::Key(key.into())).collect())
    }

    /// This path, one key further.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Segment::Key(key.to_owned()))
    }

    /// This path, one element further.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(segment);
        Self(segments)
    }

    /// Goes one step further in place, until [`pop`](Self::pop). A walk that copied the path at every
    /// step would pay for its depth and for the length of its keys each time.
    pub(crate) fn push(&mut self, segment: Segment) {
        self.0.push(segment);
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    /// How long its keys are together.
    pub(crate) fn key_bytes(&self) -> usize {
        let keys = self.0.iter().map(|segment| match segment {
            Segment::Key(key) => key.len(),
            Segment::Index(_) => 0,
        });
        keys.sum()
    }

    /// The steps from the root.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The path one step up; `None` at the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, init) = self.0.split_last()?;
        Some(Self(init.to_vec()))
    }

    /// True when `self` is `other` or lies above it.
    pub fn contains(&self, other: &KeyPath) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The rest of this path below `above`; `None` where it does not lie there.
    pub fn below(&self, above: &KeyPath) -> Option<Self> {
        self.0.strip_prefix(above.0.as_slice()).map(|rest| Self(rest.to_vec()))
    }

    /// The value at this path.
    pub fn get<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |at, segment| match segment {
            Segment::Key(key) => at.as_object()?.get(key),
            Segment::Index(index) => at.as_array()?.get(*index),
        })
    }

    /// Puts `new` at this path, making objects on the way. Fails (`false`) where the path runs
    /// through a scalar or past the end of an array.
    pub fn put(&self, value: &mut Value, new: Value) -> bool {
        let mut at = value;
        for segment in &self.0 {
            if at.is_null() && matches!(segment, Segment::Key(_)) {
                *at = Value::Object(serde_json::Map::new());
            }
            let next = match segment {
                Segment::Key(key) => at.as_object_mut().map(|map| map.entry(key).or_insert(Value::Null)),
                Segment::Index(index) => at.as_array_mut().and_then(|items| items.get_mut(*index)),
            };
            let Some(next) = next else { return false };
            at = next;
        }
        *at = new;
        true
    }

    /// Reads the written form back.
    pub fn parse(text: &str) -> Result<Self, InvalidKeyPath> {
        let fail = || InvalidKeyPath(text.chars().take(200).collect());
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(quoted) = rest.strip_prefix('[') {
                let (segment, after) = parse_bracket(quoted).ok_or_else(fail)?;
                segments.push(segment);
                rest = after;
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                if end == 0 || rest[..end].contains([']', '"']) {
                    return Err(fail());
                }
                segments.push(Segment::Key(rest[..end].to_owned()));
                rest = &rest[end..];
            }
            if let Some(after) = rest.strip_prefix('.') {
                if after.is_empty() || after.starts_with('[') {
                    return Err(fail());
                }
                rest = after;
            }
        }
        Ok(Self(segments))
    }
}

/// The inside of a bracket, after its `[`: an index or a JSON string, with what follows the `]`.
fn parse_bracket(text: &str) -> Option<(Segment, &str)> {
    if text.starts_with('"') {
        let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let key = strings.next()?.ok()?;
        let after = text[strings.byte_offset()..].strip_prefix(']')?;
        return Some((Segment::Key(key), after));
    }
    let (digits, after) = text.split_once(']')?;
    Some((Segment::Index(digits.parse().ok()?), after))
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if !is_plain(key) => write!(f, "[{}]", Value::from(key.as_str()))?,
                Segment::Key(key) if position == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && !key.contains(['.', '[', ']', '"', '\\']) && !key.contains(char::is_control)
}

impl serde::Serialize for KeyPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests;
