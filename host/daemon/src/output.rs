//! Everything that is printed: results on standard output, the rest on standard error.
//!
//! Texts of tenants reach a terminal only through here, without control
//! characters, but for a terminal of theirs that somebody opened in it. A reader that goes away ends the verb quietly.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use serde_json::Value;

use crate::cli::Global;
use crate::error::{CliError, Kind};

/// How this run prints.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    colour_out: bool,
    colour_err: bool,
}

/// What people look for first in `key: value` lines; the rest goes by name.
const LEADING: [&str; 3] = ["tenantId", "displayName", "token"];

/// The few colours that are used, as SGR parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    Red,
    Yellow,
    Green,
    Cyan,
    Dim,
}

impl Colour {
    fn sgr(self) -> &'static str {
        match self {
            Self::Red => "1;31",
            Self::Yellow => "33",
            Self::Green => "32",
            Self::Cyan => "36",
            Self::Dim => "2",
        }
    }

    fn paint(self, on: bool, text: &str) -> String {
        if on { format!("\x1b[{}m{text}\x1b[0m", self.sgr()) } else { text.to_owned() }
    }
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        Self { json: global.json, quiet: global.quiet, ..Self::for_usage(global.json) }
    }

    /// Before the arguments are understood.
    pub(crate) fn for_usage(json: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            json,
            quiet: false,
            colour_out: !plain && io::stdout().is_terminal(),
            colour_err: !plain && io::stderr().is_terminal(),
        }
    }

    /// Prints an error; answers its exit code.
    pub(crate) fn error(&self, error: &CliError) -> ExitCode {
        if error.kind != Kind::ReaderGone && !error.message.is_empty() {
            let mut text = String::new();
            if self.json {
                let _ = writeln!(text, "{}", error.to_json());
            } else {
                let head = Colour::Red.paint(self.colour_err, "Error:");
                let _ = writeln!(text, "{head} {}", printable(&error.message));
                if let Some(hint) = &error.hint {
                    let head = Colour::Cyan.paint(self.colour_err, "Hint:");
                    let _ = writeln!(text, "{head} {}", printable(hint));
                }
            }
            // There is nobody left to tell.
            let _ = io::stderr().write_all(text.as_bytes());
        }
        error.kind.exit_code()
    }

    /// A remark for people, on standard error.
    pub(crate) fn note(&self, text: &str) {
        if !self.json && !self.quiet {
            let head = Colour::Dim.paint(self.colour_err, "Note:");
            let _ = writeln!(io::stderr(), "{head} {}", printable(text));
        }
    }

    /// What is waited for, where a person may watch: in a terminal alone.
    pub(crate) fn progress(&self, text: &str) {
        if io::stderr().is_terminal() {
            self.note(text);
        }
    }

    /// Something that may not be what was meant, on standard error.
    pub(crate) fn warning(&self, text: &str) {
        if !self.json && !self.quiet {
            let head = Colour::Yellow.paint(self.colour_err, "Warning:");
            let _ = writeln!(io::stderr(), "{head} {}", printable(text));
        }
    }

    /// One JSON document.
    pub(crate) fn document(&self, value: &Value) -> Result<(), CliError> {
        Ok(writeln!(io::stdout().lock(), "{}", escaped(&format!("{value:#}")))?)
    }

    /// One document of a stream, on a line of its own.
    pub(crate) fn json_line(&self, value: &Value) -> Result<(), CliError> {
        Ok(writeln!(io::stdout().lock(), "{}", escaped(&value.to_string()))?)
    }

    /// One line for people.
    pub(crate) fn line(&self, text: &str) -> Result<(), CliError> {
        Ok(writeln!(io::stdout().lock(), "{}", printable(text))?)
    }

    /// A text as it is: a script, a file.
    pub(crate) fn raw(&self, text: &str) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// What a terminal shows, for the terminal that we are in: as it is.
    pub(crate) fn screen(&self, bytes: &[u8]) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }

    /// What a program of a tenant wrote: as it is, but for a terminal, which it could steer.
    pub(crate) fn passed_on(&self, stdout: &str, stderr: &str) -> Result<(), CliError> {
        let fit = |text: &str, terminal: bool| if terminal { printable(text) } else { text.to_owned() };
        self.raw(&fit(stdout, io::stdout().is_terminal()))?;
        Ok(io::stderr().write_all(fit(stderr, io::stderr().is_terminal()).as_bytes())?)
    }

    /// A text in colour, where standard output is a terminal.
    pub(crate) fn paint(&self, colour: Colour, text: &str) -> String {
        colour.paint(self.colour_out, &printable(text))
    }

    /// A line whose parts were painted; every other text in it must be [`printable`].
    pub(crate) fn painted_line(&self, text: &str) -> Result<(), CliError> {
        Ok(writeln!(io::stdout().lock(), "{text}")?)
    }

    /// `key: value` lines, aligned; a nested key with its path.
    pub(crate) fn fields(&self, value: &Value) -> Result<(), CliError> {
        let mut rows = Vec::new();
        flatten("", value, &mut rows);
        rows.sort_by_key(|(key, _)| LEADING.iter().position(|leading| leading == key).unwrap_or(LEADING.len()));
        let width = rows.iter().map(|(key, _)| key.chars().count() + 1).max().unwrap_or_default();
        let mut text = String::new();
        for (key, value) in rows {
            let _ = writeln!(text, "{:width$} {}", format!("{key}:"), on_one_line(&value));
        }
        self.raw(&text)
    }

    /// Columns under their names.
    pub(crate) fn table(&self, names: &[&str], rows: &[Vec<String>]) -> Result<(), CliError> {
        self.raw(&table(names, rows))
    }
}

/// A scalar as people read it.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn flatten(path: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, member, rows);
            }
        }
        Value::Object(_) => rows.push((path.to_owned(), "-".into())),
        value => rows.push((path.to_owned(), plain(value))),
    }
}

fn table(names: &[&str], rows: &[Vec<String>]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let rows: Vec<Vec<String>> = std::iter::once(names)
        .chain(rows.iter().map(|row| row.iter().map(|cell| on_one_line(cell)).collect()))
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Without what could steer a terminal; line breaks and tabs stay.
pub(crate) fn printable(text: &str) -> String {
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// Printable, and no line of its own making.
pub(crate) fn on_one_line(text: &str) -> String {
    printable(text).replace(['\n', '\t'], " ")
}

/// JSON as serde_json writes it holds DEL and the C1 controls as they are, and those
/// can drive a terminal.
fn escaped(json: &str) -> String {
    let control = |c: char| matches!(c, '\u{7f}'..='\u{9f}');
    if !json.contains(control) {
        return json.to_owned();
    }
    json.chars().map(|c| if control(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests;
