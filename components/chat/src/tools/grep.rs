//! `grep`: lines of the workspace's files that hold a text.

use super::files::{inside, text_of};
use super::{Tool, Toolbox, read};
use openclaw_sdk::Result;
use openclaw_sdk::files::{Directory, Kind};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) const GREP: Tool = Tool {
    name: "grep",
    group: "group:fs",
    description: "Finds the lines of text files of the workspace that hold a text, as path:line: text. The text is \
        literal; for patterns use exec with grep.",
    arguments: || {
        let properties = json!({
            "text": { "type": "string" },
            "path": { "type": "string", "description": "A file or directory; the whole workspace where left out." },
            "ignore_case": { "type": "boolean" },
        });
        (properties, &["text"])
    },
    run,
};

/// Lines that are found, files that are looked into, and characters of a line that are shown.
const FOUND: usize = 200;
const FILES: usize = 1000;
const LINE: usize = 300;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    text: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    ignore_case: bool,
}

fn run(toolbox: &Toolbox<'_>, arguments: Value) -> Result<String> {
    let arguments: Arguments = read(arguments)?;
    let mut search = Search {
        workspace: toolbox.call.workspace()?,
        text: folded(&arguments.text, arguments.ignore_case),
        ignores_case: arguments.ignore_case,
        files: 0,
        found: Vec::new(),
    };
    search.look(inside(&arguments.path))?;
    Ok(match search.found.is_empty() {
        true => "(nothing found)".to_owned(),
        false => search.found.join("\n"),
    })
}

struct Search {
    workspace: Directory,
    text: String,
    ignores_case: bool,
    files: usize,
    found: Vec<String>,
}

impl Search {
    /// Looks into a file, or into all below a directory. Not by recursion: a tree is as deep as a tenant likes.
    fn look(&mut self, path: &str) -> Result<()> {
        let is_file =
            !path.is_empty() && self.workspace.metadata(path)?.is_some_and(|metadata| metadata.kind == Kind::File);
        if is_file {
            return self.look_into(path);
        }
        let mut directories = vec![path.to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in self.workspace.list(&directory)? {
                let path = if directory.is_empty() { entry.name } else { format!("{directory}/{}", entry.name) };
                if self.is_enough() {
                    self.found.push("(there may be more)".to_owned());
                    return Ok(());
                }
                match entry.metadata.kind {
                    Kind::Directory => directories.push(path),
                    Kind::File => self.look_into(&path)?,
                }
            }
        }
        Ok(())
    }

    fn look_into(&mut self, path: &str) -> Result<()> {
        self.files += 1;
        let text = match text_of(&self.workspace, path) {
            Ok(text) => text,
            // What is no text, too large or gone holds nothing.
            Err(error) if matches!(error.code.as_str(), "INVALID_REQUEST" | "NOT_FOUND") => return Ok(()),
            Err(error) => return Err(error),
        };
        let holds = |line: &&str| folded(line, self.ignores_case).contains(&self.text);
        let lines = text.lines().enumerate().filter(|(_, line)| holds(line)).take(FOUND - self.found.len().min(FOUND));
        let found: Vec<String> =
            lines.map(|(at, line)| format!("{path}:{}: {}", at + 1, crate::session::shorten(line, LINE))).collect();
        self.found.extend(found);
        Ok(())
    }

    fn is_enough(&self) -> bool {
        self.found.len() >= FOUND || self.files >= FILES
    }
}

fn folded(text: &str, ignores_case: bool) -> String {
    if ignores_case { text.to_lowercase() } else { text.to_owned() }
}
