//! `openclaw components new NAME`

mod project;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use openclaw_tenancy::Family;
use serde_json::json;

use crate::error::{CliError, Kind};
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw components new lookup
  openclaw components new lookup --lang python --directory handlers/lookup";

/// Make a project of a handler, which builds and passes its tests as it is.
///
/// NAME is its family: the word before the dot of its methods. The project brings
/// along what it needs of the gateway; its README.md has the commands.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct New {
    /// The family: a letter, then letters, digits and _, all lower case.
    name: Family,
    /// The language.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
    /// Where [default: a directory of that name, here].
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// The files of the contract, each by its path below `wit/`.
pub(super) fn contract_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    project::embedded("wit/")
}

/// What a handler is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    #[value(name = "javascript", alias = "js")]
    JavaScript,
    Python,
    C,
}

impl New {
    pub(super) fn run(self, output: &Output) -> Result<(), CliError> {
        if openclaw_runtime::is_own_family(self.name.as_str()) {
            return Err(CliError::usage(format!("{} is a family of the gateway itself", self.name))
                .hint("choose another word: it goes before the dot of your methods"));
        }
        let directory = self.directory.unwrap_or_else(|| self.name.as_str().into());
        refuse_occupied(&directory)?;
        for file in project::files(self.lang, self.name.as_str()) {
            file.write_below(&directory).map_err(|error| unwritable(&directory, &error))?;
        }
        let shown = directory.display();
        if output.json {
            return output.document(&json!({ "family": self.name.as_str(), "directory": shown.to_string() }));
        }
        if output.quiet {
            return Ok(());
        }
        output.line(&format!("{shown} has a handler of {}.*: its README.md says how it is built and tried", self.name))
    }
}

/// Nothing of the author's is written over.
#[allow(clippy::disallowed_methods, reason = "a directory that the author names")]
fn refuse_occupied(directory: &Path) -> Result<(), CliError> {
    let mut entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unwritable(directory, &error)),
    };
    if entries.next().is_none() {
        return Ok(());
    }
    let occupied = format!("{} is not empty: nothing was written", directory.display());
    Err(CliError::new(Kind::Conflict, occupied).hint("name another place with --directory"))
}

fn unwritable(directory: &Path, error: &io::Error) -> CliError {
    CliError::failed(format!("{}: {error}", directory.display()))
}
