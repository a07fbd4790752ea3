//! Changing single values of a text without touching the rest: comments and order stay.

use serde_json::Value;

use super::{Document, Format, parse};
use crate::path::KeyPath;

impl Document<'_> {
    /// This text with other scalars at some paths, so that it says `expected`. Where that cannot be
    /// done in place (an alias, a whole object), `expected` is written afresh.
    pub fn rewritten(&self, changes: &[(KeyPath, Value)], expected: &Value) -> String {
        if changes.is_empty() {
            return self.text.to_owned();
        }
        let spliced = self.spliced(changes);
        let says_it = |text: &String| parse(text).is_ok_and(|document| document.value() == expected);
        spliced.filter(says_it).unwrap_or_else(|| write(expected, self.format))
    }

    fn spliced(&self, changes: &[(KeyPath, Value)]) -> Option<String> {
        let places = self.places_of(changes.iter().map(|(path, _)| path));
        let mut edits = Vec::with_capacity(changes.len());
        for (path, value) in changes {
            edits.push((places.get(path)?.scalar.clone()?, value));
        }
        edits.sort_by_key(|(range, _)| range.start);
        let mut text = String::with_capacity(self.text.len());
        let mut copied = 0;
        for (range, value) in edits {
            text.push_str(self.text.get(copied..range.start)?);
            // A JSON scalar is one in YAML and JSON5 too.
            text.push_str(&value.to_string());
            copied = range.end;
        }
        text.push_str(self.text.get(copied..)?);
        Some(text)
    }
}

/// A value as text: JSON for a document that was JSON or JSON5, else YAML.
pub fn write(value: &Value, format: Format) -> String {
    let json = || format!("{value:#}\n");
    if format != Format::Yaml {
        return json();
    }
    let says_it = |text: &String| parse(text).is_ok_and(|document| document.value() == value);
    serde_saphyr::to_string(value).ok().filter(says_it).unwrap_or_else(json)
}
