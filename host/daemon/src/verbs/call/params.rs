//! Parameters of a call from the command line's words.

use openclaw_config::json;
use serde_json::{Map, Value};

use super::schema;
use crate::error::CliError;

/// What the words say, before it is known which types the method takes.
#[derive(Debug)]
pub(super) enum Words<'a> {
    /// One JSON document.
    Document(Value),
    /// Any number of `key=value`.
    Pairs(Vec<Pair<'a>>),
}

/// One `key=value`.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    word: &'a str,
    path: Vec<&'a str>,
    text: &'a str,
    /// The text as JSON, where it is that.
    json: Option<Value>,
}

impl<'a> Words<'a> {
    pub(super) fn read(words: &'a [String]) -> Result<Self, CliError> {
        if let [word] = words
            && word.trim_start().starts_with(['{', '['])
        {
            let document = json::read(word.as_bytes(), json::DEPTH_MAX)
                .map_err(|error| CliError::usage(format!("the parameters are not JSON: {error}")))?;
            return Ok(Self::Document(document));
        }
        words.iter().map(|word| Pair::read(word)).collect::<Result<_, _>>().map(Self::Pairs)
    }

    /// Whether a value can be a string or something else, as only the method knows.
    pub(super) fn are_ambiguous(&self) -> bool {
        let Self::Pairs(pairs) = self else { return false };
        pairs.iter().any(|pair| pair.json.as_ref().is_some_and(|json| !json.is_string()))
    }

    /// The parameters for a method of this entry in `rpc.discover`, where it is known.
    pub(super) fn into_params(self, method: Option<&Value>) -> Result<Value, CliError> {
        let pairs = match self {
            Self::Document(document) => return Ok(document),
            Self::Pairs(pairs) => pairs,
        };
        let mut params = Map::new();
        for pair in pairs {
            let value = pair.value(method);
            put(&mut params, &pair.path, value)
                .map_err(|problem| CliError::usage(format!("{:?}: {problem}", pair.word)))?;
        }
        Ok(Value::Object(params))
    }
}

impl<'a> Pair<'a> {
    fn read(word: &'a str) -> Result<Self, CliError> {
        let (key, text) = word.split_once('=').ok_or_else(|| {
            CliError::usage(format!("{word:?} is neither key=value nor a JSON object"))
                .hint("write label=x, or '{\"label\":\"x\"}'")
        })?;
        Ok(Self { word, path: key.split('.').collect(), text, json: json::read(text.as_bytes(), json::DEPTH_MAX).ok() })
    }

    /// JSON where it is any, but not where the method wants a string and not that.
    fn value(&self, method: Option<&Value>) -> Value {
        let string = || Value::from(self.text);
        match &self.json {
            None => string(),
            Some(json) if json.is_string() => json.clone(),
            Some(json) => match method.and_then(|method| schema::of_param(method, &self.path)) {
                Some(schema) if !schema.takes(json) && schema.takes(&string()) => string(),
                _ => json.clone(),
            },
        }
    }
}

fn put(into: &mut Map<String, Value>, path: &[&str], value: Value) -> Result<(), &'static str> {
    let [first, rest @ ..] = path else { return Err("the key is empty") };
    if first.is_empty() {
        return Err("the key has an empty part");
    }
    if rest.is_empty() {
        return match into.insert((*first).to_owned(), value) {
            None => Ok(()),
            Some(_) => Err("the key is given twice"),
        };
    }
    match into.entry(*first).or_insert_with(|| Value::Object(Map::new())) {
        Value::Object(below) => put(below, rest, value),
        _ => Err("the key lies in one that has a value"),
    }
}

#[cfg(test)]
mod tests;
