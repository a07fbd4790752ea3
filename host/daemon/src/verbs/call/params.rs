//! Parameters of a call from the command line's words.

use openclaw_config::json;
use serde_json::{Map, Value};

use crate::error::CliError;

/// One word that is JSON, or any number of `key=value`.
pub(super) fn parse(words: &[String]) -> Result<Value, CliError> {
    if let [word] = words
        && word.trim_start().starts_with(['{', '['])
    {
        return json::read(word.as_bytes(), json::DEPTH_MAX)
            .map_err(|error| CliError::usage(format!("the parameters are not JSON: {error}")));
    }
    let mut params = Map::new();
    for word in words {
        let (key, text) = word.split_once('=').ok_or_else(|| {
            CliError::usage(format!("{word:?} is neither key=value nor a JSON object"))
                .hint("write label=x, or '{\"label\":\"x\"}'")
        })?;
        let value = json::read(text.as_bytes(), json::DEPTH_MAX).unwrap_or_else(|_| Value::from(text));
        let path: Vec<&str> = key.split('.').collect();
        put(&mut params, &path, value).map_err(|problem| CliError::usage(format!("{word:?}: {problem}")))?;
    }
    Ok(Value::Object(params))
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
