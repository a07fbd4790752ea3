//! `openclaw logs`: the gateway's log, for people and programs.

mod entry;
mod follow;
mod since;

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use clap::Args;
use jiff::Timestamp;

use crate::cli::Global;
use crate::error::{CliError, Kind};
use crate::output::Output;
use crate::settings::existing_home;
use entry::Entry;
use follow::Tail;

/// What `-f` shows of the past, as `tail -f` does.
const FOLLOW_TAIL: usize = 10;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw logs --tail 20
  openclaw logs --since 10m --json";

/// Show the gateway's log.
///
/// With --json: a JSON document a line (JSON lines), for each entry.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Logs {
    /// Go on with what is written from now on.
    #[arg(long, short)]
    follow: bool,
    /// Only from this time on: 90s, 10m, 2h, 7d, or 2026-11-22T10:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = since::parse)]
    since: Option<Timestamp>,
    /// Only the last N lines [default: all; 10 with -f].
    #[arg(long, value_name = "N")]
    tail: Option<usize>,
}

impl Logs {
    pub(crate) async fn run(self, global: &Global, output: &Output) -> Result<(), CliError> {
        let home = existing_home(global)?;
        let mut log = open(&home)?;
        let default = (self.follow && self.since.is_none()).then_some(FOLLOW_TAIL);
        self.past(&mut log, self.tail.or(default), output)?;
        if !self.follow {
            return Ok(());
        }
        loop {
            let line = log.next_line().await?;
            print(&Entry::read(&line), output)?;
        }
    }

    /// Prints what is there; never more than the wanted lines are in memory.
    fn past(&self, log: &mut Tail, tail: Option<usize>, output: &Output) -> Result<(), CliError> {
        let mut last = VecDeque::new();
        while let Some(line) = log.read_line()? {
            let entry = Entry::read(&line);
            if self.since.is_some_and(|since| entry.is_before(since)) {
                continue;
            }
            let Some(tail) = tail else {
                print(&entry, output)?;
                continue;
            };
            last.push_back(entry);
            if last.len() > tail {
                last.pop_front();
            }
        }
        last.iter().try_for_each(|entry| print(entry, output))
    }
}

fn open(home: &Path) -> Result<Tail, CliError> {
    let path = home.join("gateway.log");
    Tail::open(&path).map_err(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            return CliError::failed(format!("{}: {error}", path.display()));
        }
        CliError::new(Kind::NotFound, format!("there is no log at {}", path.display()))
            .hint("`openclaw serve` writes one; --home names another state directory")
    })
}

fn print(entry: &Entry, output: &Output) -> Result<(), CliError> {
    match entry {
        Entry::Event(event) if output.json => output.json_line(event),
        Entry::Text(text) if output.json => output.json_line(&serde_json::json!({ "message": text })),
        entry => output.painted_line(&entry.line(output)),
    }
}
