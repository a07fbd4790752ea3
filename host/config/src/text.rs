//! Configuration text to values: YAML, JSON and JSON5, with the position of every key.
//!
//! Invariants: a document is at most [`MAX_BYTES`] and [`MAX_DEPTH`] levels, has no key twice in
//! one mapping and no number that JSON cannot hold. Alias bombs are cut off by a budget.

mod build;
mod json_places;
mod rewrite;
mod wanted;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;

use crate::path::KeyPath;
use build::Root;
use wanted::{Paths, Wanted};

pub use rewrite::write;

/// The largest text that is read, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;
/// The deepest nesting that is read; the top level counts as one.
pub const MAX_DEPTH: usize = 64;

/// A place in a text; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A text that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", position.map(|at| format!("{at}: ")).unwrap_or_default())]
pub struct TextError {
    /// Where; `None` where it concerns the text as a whole.
    pub position: Option<Position>,
    /// What, without the position.
    pub message: String,
}

/// The notation in which a text turned out to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Json5,
    Yaml,
}

/// A text and what it says.
#[derive(Clone, Debug)]
pub struct Document<'t> {
    text: &'t str,
    format: Format,
    value: Value,
}

/// Where one key of a document stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The key (of an object's member) or the element (of an array).
    pub position: Position,
    /// The bytes of a scalar value, quotes included; `None` for objects, arrays, and values that
    /// stand somewhere else (aliases).
    pub scalar: Option<Range<usize>>,
}

/// Where every key of a document stands.
pub type Places = BTreeMap<KeyPath, Place>;

impl Document<'_> {
    /// What the text says; `null` for an empty text.
    pub fn value(&self) -> &Value {
        &self.value
    }

    pub fn into_value(self) -> Value {
        self.value
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// The position of every key. Reads the text again: meant for errors, not for each request.
    pub fn places(&self) -> Places {
        self.find(Wanted::All)
    }

    /// The positions of some keys.
    pub fn places_of<'p>(&self, paths: impl IntoIterator<Item = &'p KeyPath>) -> Places {
        self.find(Wanted::Some(Some(&Paths::of(paths))))
    }

    fn find(&self, wanted: Wanted<'_>) -> Places {
        match self.format {
            Format::Yaml => yaml::places(self.text, wanted),
            Format::Json | Format::Json5 => json_places::places(self.text, wanted),
        }
    }
}

/// Reads a text in the notation that it is written in. Of several failures the one that got
/// furthest is reported.
pub fn parse(text: &str) -> Result<Document<'_>, TextError> {
    check_size(text, MAX_BYTES)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = |format, value| Document { text, format, value };
    if !looks_like_json(text) {
        return yaml::value(text).map(|value| document(Format::Yaml, value));
    }
    let json5_error = match json(text).or_else(|()| json5(text)) {
        Ok((format, value)) => return Ok(document(format, value)),
        Err(Failure::Meaning(error)) => return Err(error),
        Err(Failure::Syntax(error)) => error,
    };
    match yaml::value(text) {
        Ok(value) => Ok(document(Format::Yaml, value)),
        Err(error) if error.position > json5_error.position => Err(error),
        Err(_) => Err(json5_error),
    }
}

pub(crate) fn check_size(text: &str, most: usize) -> Result<(), TextError> {
    if text.len() <= most {
        return Ok(());
    }
    let message = format!("{} bytes; at most {most} are read", text.len());
    Err(TextError { position: None, message })
}

fn looks_like_json(text: &str) -> bool {
    let start = text.trim_start();
    ["{", "[", "//", "/*"].iter().any(|mark| start.starts_with(mark))
}

/// Why a text is not the JSON5 that it looks like.
enum Failure {
    /// Perhaps it is another notation.
    Syntax(TextError),
    /// It is this notation, and says something that is not allowed (a key twice, too deep).
    Meaning(TextError),
}

/// Strict JSON first: it keeps integers above 2^63. Whatever fails is told by JSON5, its superset.
fn json(text: &str) -> Result<(Format, Value), ()> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let root = Root::deserialize(&mut deserializer).map_err(drop)?;
    deserializer.end().map_err(drop)?;
    Ok((Format::Json, root.0))
}

fn json5(text: &str) -> Result<(Format, Value), Failure> {
    let root: Root = json5::from_str(text).map_err(|error| {
        let position = error.position().map(|at| Position { line: at.line + 1, column: at.column + 1 });
        match error.code() {
            Some(code) => {
                let position = position.or_else(|| Some(end_of(text)));
                Failure::Syntax(TextError { position, message: format!("not JSON: {code}") })
            }
            None => Failure::Meaning(build::text_error(&error.to_string(), position)),
        }
    })?;
    Ok((Format::Json5, root.0))
}

fn end_of(text: &str) -> Position {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or(text).chars().count() + 1;
    Position { line, column }
}

#[cfg(test)]
mod tests;
