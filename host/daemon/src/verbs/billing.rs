//! `openclaw billing …`: the operator's questions to the ledger.

mod explain;
mod report;
mod rerate;
mod rollup;
mod summary;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::cli::Global;
use crate::client::{Caller, Client};
use crate::error::CliError;
use crate::output::Output;

/// Report what models, sandboxes and tools cost.
#[derive(Debug, Args)]
pub(crate) struct Billing {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Report(report::Report),
    Summary(summary::Summary),
    Rollup(rollup::Rollup),
    Explain(explain::Explain),
    Rerate(rerate::Rerate),
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Table,
    Json,
    Csv,
}

impl Billing {
    pub(crate) async fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let client = &Client::new(global, Caller::OfEnvironment);
        match self.verb {
            Verb::Report(report) => report.run(client, output).await,
            Verb::Summary(summary) => summary.run(client, output).await,
            Verb::Rollup(rollup) => rollup.run(client, output).await,
            Verb::Explain(explain) => explain.run(client, output).await,
            Verb::Rerate(rerate) => rerate.run(client, output).await,
        }
    }
}

/// Asks, and prints what is answered. Parameters that are null are left out.
async fn ask(
    client: &Client<'_>,
    output: &Output,
    method: &str,
    mut params: Value,
    format: Format,
) -> Result<(), CliError> {
    if let Value::Object(params) = &mut params {
        params.retain(|_, value| !value.is_null());
    }
    if output.json {
        params["format"] = "json".into();
        return output.document(&client.request(method, params, None).await?);
    }
    params["format"] = json!(match format {
        Format::Table => "table",
        Format::Json => "json",
        Format::Csv => "csv",
    });
    let answer = client.request(method, params, None).await?;
    match answer["content"].as_str() {
        Some(content) => output.raw(content),
        None => output.document(&answer["rows"]),
    }
}
