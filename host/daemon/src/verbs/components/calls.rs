//! `calls.yaml`: calls of a component, and what is expected of each.
//!
//! A list; the calls run in its order, for one tenant and on the same state.
//!
//! ```yaml
//! - name: greets by name             # optional
//!   method: greeter.hello
//!   params: { name: Ada }            # optional, an object
//!   as: { scopes: [read] }           # optional; a tenant's own scopes otherwise
//!   expect:                          # exactly one of
//!     result: { greeting: "..." }    #   the whole result
//!     resultContains: { id: 1 }      #   what is named of it, at every depth
//!     error: { code: NOT_FOUND }     #   error.data.code, and a part of the message
//! ```

use std::path::{Path, PathBuf};

use openclaw_runtime::{Ending, FixtureCall, RawCall, RawExpect};
use serde_json::Value;
use serde_saphyr::{Spanned, from_str_with_options};

use super::file::unreadable;
use crate::error::{CliError, Kind};

/// The name that is looked for.
const FILE: &str = "calls.yaml";

/// The calls of `file`, or of `calls.yaml` beside the component or in the working directory.
pub(super) fn read(file: Option<PathBuf>, component: &Path) -> Result<Vec<FixtureCall>, CliError> {
    let (path, text) = text(file, component)?;
    parse(&text).map_err(|flaw| CliError::usage(format!("{}:{flaw}", path.display())))
}

/// The same as they are written, once they are known to be calls.
pub(super) fn read_raw(file: Option<PathBuf>, component: &Path) -> Result<Value, CliError> {
    let (path, text) = text(file, component)?;
    let read = parse(&text).and_then(|_| yaml(&text));
    read.map_err(|flaw| CliError::usage(format!("{}:{flaw}", path.display())))
}

#[allow(clippy::disallowed_methods, reason = "the author's own file")]
fn text(file: Option<PathBuf>, component: &Path) -> Result<(PathBuf, String), CliError> {
    let path = match file {
        Some(file) => file,
        None => {
            [component.with_file_name(FILE), FILE.into()].into_iter().find(|path| path.is_file()).ok_or_else(|| {
                CliError::new(Kind::NotFound, format!("there is no {FILE} beside the component or here"))
                    .hint("name a file with --calls; see `openclaw components test --help`")
            })?
        }
    };
    let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
    Ok((path, text))
}

/// The error begins with the place, `line:column`.
fn parse(text: &str) -> Result<Vec<FixtureCall>, String> {
    let raw: Vec<RawCall<Spanned<RawExpect>>> = yaml(text)?;
    if raw.is_empty() {
        return Err("1:1: there is no call in it".into());
    }
    let call = |raw: RawCall<Spanned<RawExpect>>| {
        let at = raw.expect.referenced;
        FixtureCall::of(raw.map(|expect| expect.value)).map_err(|flaw| format!("{}:{}: {flaw}", at.line(), at.column()))
    };
    raw.into_iter().map(call).collect()
}

fn yaml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    let options = serde_saphyr::options! { with_snippet: false };
    from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let place = error.location().map_or_else(|| "1:1".into(), |at| format!("{}:{}", at.line(), at.column()));
        let message = error.to_string();
        let message = message.trim_start_matches("error: ");
        let what =
            message.split_once(": ").filter(|(head, _)| head.starts_with("line ")).map_or(message, |(_, what)| what);
        format!("{place}: {what}")
    })
}

/// How a call ended, by its JSON-RPC reply.
pub(super) fn ending(mut reply: Value) -> Ending {
    match reply.get_mut("result") {
        Some(result) => Ending::Result(result.take()),
        None => {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let error = &reply["error"];
            Ending::Error { code: text(&error["data"]["code"]), message: text(&error["message"]) }
        }
    }
}

#[cfg(test)]
mod tests;
