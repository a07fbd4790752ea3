//! `read`, `write`, `edit` and `ls`: the tenant's workspace, by its handle.

use super::{Tool, Toolbox, read};
use openclaw_sdk::files::{Directory, Kind};
use openclaw_sdk::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

/// The largest file that is read or changed.
pub(super) const FILE_BYTES: usize = 2 << 20;

/// Lines that are read at once, where nobody says how many.
const LINES: usize = 2000;

/// Names that are listed.
const NAMES: usize = 1000;

pub(super) const READ: Tool = Tool {
    name: "read",
    group: "group:fs",
    description: "Reads a text file of the workspace, or some of its lines.",
    arguments: || {
        let properties = json!({
            "path": { "type": "string" },
            "offset": { "type": "integer", "minimum": 1, "description": "The first line, from 1." },
            "limit": { "type": "integer", "minimum": 1, "description": "How many lines." },
        });
        (properties, &["path"])
    },
    run: read_file,
};

pub(super) const WRITE: Tool = Tool {
    name: "write",
    group: "group:fs",
    description: "Writes a whole file of the workspace, and makes the directories above it.",
    arguments: || (json!({ "path": { "type": "string" }, "content": { "type": "string" } }), &["path", "content"]),
    run: write_file,
};

pub(super) const EDIT: Tool = Tool {
    name: "edit",
    group: "group:fs",
    description: "Replaces a text that stands exactly once in a file of the workspace.",
    arguments: || {
        let text = || json!({ "type": "string" });
        (json!({ "path": text(), "old_text": text(), "new_text": text() }), &["path", "old_text", "new_text"])
    },
    run: edit_file,
};

pub(super) const LS: Tool = Tool {
    name: "ls",
    group: "group:fs",
    description: "Lists a directory of the workspace; names of directories end in a slash.",
    arguments: || (json!({ "path": { "type": "string" } }), &[]),
    run: list,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    path: String,
    #[serde(default)]
    offset: Option<usize>,
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Write {
    path: String,
    content: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    path: String,
    old_text: String,
    new_text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    path: String,
}

/// A path as the workspace's handle takes it: commands see the workspace as `/work`. What leads out of it is the
/// handle's to refuse.
pub(super) fn inside(path: &str) -> &str {
    let path = path.trim();
    let path = path
        .strip_prefix("/work")
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .map_or(path, |rest| rest.trim_start_matches('/'));
    let path = path.strip_prefix("./").unwrap_or(path).trim_end_matches('/');
    if path == "." { "" } else { path }
}

fn read_file(toolbox: &Toolbox<'_>, arguments: Value) -> Result<String> {
    let Read { path, offset, limit } = read(arguments)?;
    let text = text_of(&toolbox.call.workspace()?, inside(&path))?;
    let first = offset.unwrap_or(1).max(1) - 1;
    let most = limit.unwrap_or(LINES);
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.len().min(first.saturating_add(most));
    let shown = lines.get(first..end).unwrap_or_default().join("\n");
    match lines.len() - end {
        0 => Ok(shown),
        more => Ok(format!("{shown}\n({more} lines more: offset {})", end + 1)),
    }
}

fn write_file(toolbox: &Toolbox<'_>, arguments: Value) -> Result<String> {
    let Write { path, content } = read(arguments)?;
    let path = inside(&path);
    toolbox.call.workspace()?.write(path, content.as_bytes())?;
    Ok(format!("wrote {} bytes to {path}", content.len()))
}

fn edit_file(toolbox: &Toolbox<'_>, arguments: Value) -> Result<String> {
    let Edit { path, old_text, new_text } = read(arguments)?;
    let (path, workspace) = (inside(&path), toolbox.call.workspace()?);
    let text = text_of(&workspace, path)?;
    match text.matches(&old_text).take(2).count() {
        _ if old_text.is_empty() => Err(Error::invalid("old_text is empty")),
        0 => Err(Error::invalid(format!("old_text does not stand in {path}"))),
        1 => {
            workspace.write(path, text.replacen(&old_text, &new_text, 1).as_bytes())?;
            Ok(format!("changed {path}"))
        }
        _ => Err(Error::invalid(format!("old_text stands more than once in {path}"))),
    }
}

fn list(toolbox: &Toolbox<'_>, arguments: Value) -> Result<String> {
    let List { path } = read(arguments)?;
    let entries = toolbox.call.workspace()?.list(inside(&path))?;
    let name = |entry: &openclaw_sdk::files::Entry| match entry.metadata.kind {
        Kind::Directory => format!("{}/", entry.name),
        Kind::File => entry.name.clone(),
    };
    let mut names: Vec<String> = entries.iter().take(NAMES).map(name).collect();
    if entries.len() > NAMES {
        names.push(format!("({} names more)", entries.len() - NAMES));
    }
    Ok(if names.is_empty() { "(empty)".to_owned() } else { names.join("\n") })
}

/// A file's text.
pub(super) fn text_of(workspace: &Directory, path: &str) -> Result<String> {
    let bytes =
        workspace.read(path, FILE_BYTES)?.ok_or_else(|| Error::not_found(format!("there is no file {path}")))?;
    String::from_utf8(bytes).map_err(|_| Error::invalid(format!("{path} is no text")))
}
