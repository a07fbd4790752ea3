//! `openclaw call METHOD …`

mod params;
mod schema;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use openclaw_config::Secret;
use serde_json::{Value, json};

use crate::cli::Global;
use crate::client::{Caller, Client};
use crate::error::CliError;
use crate::output::Output;
use params::Words;

/// Far longer than any token.
const TOKEN_BYTES_MAX: u64 = 4096;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw call health --tenant demo
  openclaw call sessions.list limit=5 --tenant demo
  openclaw call voicewake.set '{\"triggers\":[\"hello\"]}' --tenant demo";

/// Call a method and print its result.
///
/// Without a token the operator calls, for the tenant of --tenant. With
/// --token-file or OPENCLAW_TOKEN it is whoever the token belongs to: a tenant
/// for itself alone, the operator for the tenant of --tenant.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Call {
    /// The method, `sessions.list` for instance; `rpc.discover` lists them all.
    method: String,
    /// The parameters: one JSON object, or key=value pairs.
    ///
    /// A value that is JSON is taken as such, unless the method wants a string
    /// there; any other is a string, and so is one in double quotes. Dots in a key
    /// nest: patch.label=x is {"patch":{"label":"x"}}.
    #[arg(value_name = "PARAMS")]
    params: Vec<String>,
    /// The tenant whose call it is.
    #[arg(long, value_name = "ID", conflicts_with = "token_file")]
    tenant: Option<String>,
    /// A file with the token to present; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Call {
    pub(crate) async fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let words = Words::read(&self.params)?;
        let caller = match &self.token_file {
            Some(file) => Caller::Token(read_token(file)?),
            None => Caller::OfEnvironment,
        };
        let client = Client::new(global, caller);
        let method = if words.are_ambiguous() { self.described(&client).await } else { None };
        let params = words.into_params(method.as_ref())?;
        let result = client.request(&self.method, params, self.tenant.as_deref()).await?;
        output.document(&result)?;
        match run_error(&self.method, &result) {
            Some(why) => Err(CliError::failed(why)),
            None => Ok(()),
        }
    }

    /// The method's entry in `rpc.discover`. Where it cannot be had, the call itself tells why.
    async fn described(&self, client: &Client<'_>) -> Option<Value> {
        let mut document = client.request("rpc.discover", json!({}), self.tenant.as_deref()).await.ok()?;
        let methods = document["methods"].as_array_mut()?;
        methods.iter_mut().find(|method| method["name"] == self.method).map(Value::take)
    }
}

/// Why a run failed whose end is the result: the call itself has succeeded then.
fn run_error<'a>(method: &str, result: &'a Value) -> Option<&'a str> {
    let failed = matches!(method, "agent" | "agent.wait") && result["status"] == "error";
    let why = result["summary"].as_str().or_else(|| result["error"].as_str());
    failed.then(|| why.filter(|why| !why.is_empty()).unwrap_or("the run failed"))
}

#[allow(clippy::disallowed_methods, reason = "a file that the operator names")]
fn read_token(file: &Path) -> Result<Secret, CliError> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(TOKEN_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(TOKEN_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| CliError::usage(format!("--token-file {}: {error}", file.display())))?;
    let token = Secret::new(text.trim());
    if token.is_blank() {
        return Err(CliError::usage(format!("--token-file {}: it holds no token", file.display())));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_failed_fails_its_call() {
        let failed = json!({ "status": "error", "summary": "down" });
        assert_eq!(run_error("agent", &failed), Some("down"));
        assert_eq!(run_error("agent.wait", &json!({ "status": "error", "error": "late" })), Some("late"));
        assert_eq!(run_error("agent.wait", &json!({ "status": "error" })), Some("the run failed"));
        assert_eq!(run_error("agent", &json!({ "status": "ok", "summary": "fine" })), None);
        assert_eq!(run_error("health", &failed), None);
    }
}
