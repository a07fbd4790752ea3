//! `--quota.<name>` flags: one for each key of a quota object, dashes for underscores.

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command};
use openclaw_tenancy::Quotas;
use serde_json::{Map, Value};

const SANDBOX: &str = "sandbox";
const SANDBOX_KEYS: [&str; 3] = ["sandbox.cpu", "sandbox.memory_mb", "sandbox.pids"];
const HEADING: &str = "Quotas (`none` for no limit)";

/// The flags that were given, as a merge patch of a quota object.
#[derive(Debug, Clone, Default)]
pub(super) struct QuotaFlags(Map<String, Value>);

impl QuotaFlags {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A merge patch: `null` for a limit to be removed.
    pub(super) fn into_patch(self) -> Value {
        Value::Object(self.0)
    }

    fn add(&mut self, key: &str, text: &str) {
        let value = value(key, text);
        match key.split_once('.') {
            None => self.0.insert(key.to_owned(), value),
            Some((section, key)) => {
                let members = self.0.entry(section).or_insert_with(|| Value::Object(Map::new()));
                members.as_object_mut().and_then(|members| members.insert(key.to_owned(), value))
            }
        };
    }
}

/// Every key, those of the sandbox with their path.
fn keys() -> impl Iterator<Item = &'static str> {
    Quotas::KEYS.iter().copied().filter(|key| *key != SANDBOX).chain(SANDBOX_KEYS)
}

fn flag(key: &str) -> String {
    format!("quota.{}", key.replace('_', "-"))
}

/// Whole numbers as such; decimals as text, which loses nothing.
fn value(key: &str, text: &str) -> Value {
    match text {
        "none" => Value::Null,
        text if is_decimal(key) => Value::from(text),
        text => text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from),
    }
}

fn is_decimal(key: &str) -> bool {
    key.ends_with("_usd") || key == "sandbox.cpu"
}

fn help(key: &str) -> String {
    let words = key.replace("sandbox.", "").replace(['_', '.'], " ").replace(" usd", " in US dollars");
    match words.strip_prefix("soft ") {
        Some(words) => format!("Warn beyond this: {words}"),
        None if key.starts_with("sandbox.") => format!("Limit of one sandbox: {words}"),
        None => format!("Limit: {}", words.trim_start_matches("max ")),
    }
}

impl clap::Args for QuotaFlags {
    fn augment_args(command: Command) -> Command {
        keys().fold(command, |command, key| {
            let unit = if is_decimal(key) { "DECIMAL" } else { "N" };
            let arg = Arg::new(key).long(flag(key)).value_name(unit).help(help(key)).help_heading(HEADING);
            // A number below zero is a wrong number, not another flag.
            command.arg(arg.allow_negative_numbers(true))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for QuotaFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for key in keys() {
            if let Some(text) = matches.get_one::<String>(key) {
                let mut alone = Self::default();
                alone.add(key, text);
                if Quotas::default().merge(&alone.into_patch()).is_err() {
                    return Err(clap::Error::raw(ErrorKind::ValueValidation, wrong(key, text)));
                }
                self.add(key, text);
            }
        }
        Ok(())
    }
}

/// The flag, what it takes and an example.
fn wrong(key: &str, text: &str) -> String {
    let flag = flag(key);
    let (takes, example) = match key {
        "sandbox.cpu" => ("a decimal number", "1.5"),
        key if is_decimal(key) => ("a decimal number", "2.50"),
        _ => ("a whole number", "600"),
    };
    format!("--{flag} {text:?}: it takes {takes}, or none for no limit\n\n  tip: --{flag} {example}\n")
}

#[cfg(test)]
mod tests;
