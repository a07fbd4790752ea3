//! A family's directory in memory, without links: it refuses what the host's does.

use super::clock;
use crate::Error;
use crate::bindings::openclaw::gateway::files::{Entry, Kind, Metadata};
use std::collections::BTreeMap;

mod path;

pub(crate) use path::Path;

/// Files and directories by their path. A directory above another entry is always there.
#[derive(Default)]
pub(crate) struct Tree(BTreeMap<Path, Node>);

enum Node {
    File { content: Vec<u8>, modified_ms: u64 },
    Directory { modified_ms: u64 },
}

/// Why something could not be done.
#[derive(Debug)]
pub(crate) enum Refusal {
    NotFound,
    IsDirectory,
    NotDirectory,
    NotEmpty,
    IntoItself,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::not_found("no such file or directory"),
            Refusal::IsDirectory => Self::invalid("is a directory"),
            Refusal::NotDirectory => Self::invalid("is not a directory"),
            Refusal::NotEmpty => Self::invalid("the directory is not empty"),
            Refusal::IntoItself => Self::internal("the gateway could not do this: its log has more"),
        }
    }
}

type Result<T> = std::result::Result<T, Refusal>;

impl Tree {
    pub(crate) fn read(&self, path: &Path, offset: u64, length: u32) -> Result<Vec<u8>> {
        match self.find(path)? {
            Some(Node::File { content, .. }) => {
                let rest = usize::try_from(offset).ok().and_then(|offset| content.get(offset..)).unwrap_or_default();
                Ok(rest.iter().copied().take(length as usize).collect())
            }
            Some(Node::Directory { .. }) => Err(Refusal::IsDirectory),
            None => Err(Refusal::NotFound),
        }
    }

    pub(crate) fn write(&mut self, path: &Path, data: &[u8]) -> Result<()> {
        *self.file(path)? = data.to_vec();
        Ok(())
    }

    pub(crate) fn append(&mut self, path: &Path, data: &[u8]) -> Result<u64> {
        let content = self.file(path)?;
        content.extend_from_slice(data);
        Ok(content.len() as u64)
    }

    /// The content of a file that is about to be written, made with the directories above it.
    fn file(&mut self, path: &Path) -> Result<&mut Vec<u8>> {
        self.create_directory(&path.parent())?;
        let modified_ms = clock::unix_ms();
        let empty = Node::File { content: Vec::new(), modified_ms };
        match self.0.entry(path.clone()).or_insert(empty) {
            Node::File { content, modified_ms: modified } => {
                *modified = modified_ms;
                Ok(content)
            }
            Node::Directory { .. } => Err(Refusal::IsDirectory),
        }
    }

    pub(crate) fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        Ok(self.find(path)?.map(Node::metadata))
    }

    pub(crate) fn list(&self, path: &Path, after: Option<&str>, limit: u32) -> Result<Vec<Entry>> {
        match self.find(path)? {
            None if !path.is_root() => return Err(Refusal::NotFound),
            Some(Node::File { .. }) => return Err(Refusal::NotDirectory),
            _ => {}
        }
        let inside = self.0.iter().filter_map(|(at, node)| Some((at.name_in(path)?, node)));
        let mut entries: Vec<Entry> = inside
            .filter(|(name, _)| after.is_none_or(|after| *name > after))
            .map(|(name, node)| Entry { name: name.to_owned(), metadata: node.metadata() })
            .collect();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        entries.truncate(limit as usize);
        Ok(entries)
    }

    pub(crate) fn create_directory(&mut self, path: &Path) -> Result<()> {
        let modified_ms = clock::unix_ms();
        for above in path.prefixes() {
            if matches!(self.0.entry(above).or_insert(Node::Directory { modified_ms }), Node::File { .. }) {
                return Err(Refusal::NotDirectory);
            }
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, path: &Path, recursive: bool) -> Result<bool> {
        let Some(node) = self.find(path)? else { return Ok(false) };
        let is_directory = matches!(node, Node::Directory { .. });
        if is_directory && !recursive && self.has_entries(path) {
            return Err(Refusal::NotEmpty);
        }
        self.0.retain(|at, _| at != path && !at.is_below(path));
        Ok(true)
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        self.check_parent(from)?;
        self.check_parent(to)?;
        let is_directory = self.kind(from)?.ok_or(Refusal::NotFound)? == Kind::Directory;
        if from == to {
            return Ok(());
        }
        if to.is_below(from) {
            return Err(Refusal::IntoItself);
        }
        if from.is_below(to) {
            return Err(Refusal::NotEmpty);
        }
        match (is_directory, self.kind(to)?) {
            (false, Some(Kind::Directory)) => return Err(Refusal::IsDirectory),
            (true, Some(Kind::File)) => return Err(Refusal::NotDirectory),
            (true, Some(Kind::Directory)) if self.has_entries(to) => return Err(Refusal::NotEmpty),
            _ => {}
        }
        let moved: Vec<Path> = self.0.keys().filter(|at| *at == from || at.is_below(from)).cloned().collect();
        for path in moved {
            if let Some(node) = self.0.remove(&path) {
                self.0.insert(path.moved(from, to), node);
            }
        }
        Ok(())
    }

    fn kind(&self, path: &Path) -> Result<Option<Kind>> {
        Ok(self.find(path)?.map(|node| node.metadata().kind))
    }

    /// Refuses a path whose directory is not there.
    fn check_parent(&self, path: &Path) -> Result<()> {
        let parent = path.parent();
        match self.kind(&parent)? {
            Some(Kind::File) => Err(Refusal::NotDirectory),
            None if !parent.is_root() => Err(Refusal::NotFound),
            _ => Ok(()),
        }
    }

    fn has_entries(&self, directory: &Path) -> bool {
        self.0.keys().any(|at| at.is_below(directory))
    }

    /// What is at a path; refused where a file is on the way.
    fn find(&self, path: &Path) -> Result<Option<&Node>> {
        let parent = path.parent();
        let above = parent.prefixes().any(|above| matches!(self.0.get(&above), Some(Node::File { .. })));
        if above { Err(Refusal::NotDirectory) } else { Ok(self.0.get(path)) }
    }
}

impl Node {
    fn metadata(&self) -> Metadata {
        match self {
            Self::File { content, modified_ms } => {
                Metadata { kind: Kind::File, size: content.len() as u64, modified_ms: *modified_ms }
            }
            Self::Directory { modified_ms } => Metadata { kind: Kind::Directory, size: 0, modified_ms: *modified_ms },
        }
    }
}
