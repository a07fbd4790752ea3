//! Paths as the host reads them: relative, of plain names.

use crate::{Error, Result};
use std::str::FromStr;

const DEEPEST: usize = 64;
const NAME_BYTES: usize = 255;
const PATH_BYTES: usize = 4095;

/// What the host keeps for files that are being written.
const RESERVED: &str = ".openclaw-tmp-";

/// Characters that are drawn like a separator, or that normalise to one.
const LIKE_SEPARATORS: &[char] = &[
    '\u{2044}', '\u{2215}', '\u{2216}', '\u{2571}', '\u{2572}', '\u{27CB}', '\u{27CD}', '\u{29F5}', '\u{29F8}',
    '\u{29F9}', '\u{2100}', '\u{2101}', '\u{2105}', '\u{2106}', '\u{FE68}', '\u{FF0F}', '\u{FF3C}',
];

/// A path below a directory, or the directory itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(String);

impl Path {
    pub(crate) fn root() -> Self {
        Self(String::new())
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The same path, seen from above this one.
    pub(crate) fn below(&self, path: &Self) -> Self {
        match (self.is_root(), path.is_root()) {
            (true, _) => path.clone(),
            (_, true) => self.clone(),
            _ => Self(format!("{}/{}", self.0, path.0)),
        }
    }

    pub(super) fn parent(&self) -> Self {
        self.0.rsplit_once('/').map_or_else(Self::root, |(parent, _)| Self(parent.to_owned()))
    }

    /// Every path from the first name down to this one.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = Self> + '_ {
        let ends = self.0.match_indices('/').map(|(at, _)| at).chain([self.0.len()]);
        ends.filter(|&end| end > 0).map(|end| Self(self.0[..end].to_owned()))
    }

    pub(super) fn is_below(&self, directory: &Self) -> bool {
        directory.is_root() && !self.is_root() || self.rest(directory).is_some()
    }

    /// The name of this path, where it is directly in that directory.
    pub(super) fn name_in(&self, directory: &Self) -> Option<&str> {
        let rest = if directory.is_root() { Some(self.0.as_str()) } else { self.rest(directory) };
        rest.filter(|name| !name.is_empty() && !name.contains('/'))
    }

    /// Where this path, at or below `from`, is once that is `to`.
    pub(super) fn moved(&self, from: &Self, to: &Self) -> Self {
        match self.rest(from) {
            Some(rest) => Self(format!("{}/{rest}", to.0)),
            None => to.clone(),
        }
    }

    fn rest(&self, directory: &Self) -> Option<&str> {
        self.0.strip_prefix(&directory.0)?.strip_prefix('/')
    }
}

impl FromStr for Path {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match offence(text) {
            Some(offence) => Err(Error::invalid(offence)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

/// Why the host refuses a path.
fn offence(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("it is empty".into());
    }
    if text.starts_with('/') {
        return Some("it is absolute".into());
    }
    if text.len() > PATH_BYTES {
        return Some(format!("it has {} bytes, at most {PATH_BYTES} are allowed", text.len()));
    }
    if text.split('/').count() > DEEPEST {
        return Some(format!("it has more than {DEEPEST} names"));
    }
    text.chars().find_map(character_offence).or_else(|| text.split('/').find_map(name_offence))
}

fn character_offence(c: char) -> Option<String> {
    if c == '\\' {
        Some("it holds a backslash".into())
    } else if c.is_control() {
        Some(format!("it holds the control character U+{:04X}", u32::from(c)))
    } else if LIKE_SEPARATORS.contains(&c) {
        Some(format!("it holds U+{:04X}, which can be taken for a separator", u32::from(c)))
    } else {
        None
    }
}

fn name_offence(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("it has an empty name between two slashes or at its end".into());
    }
    if name.len() > NAME_BYTES {
        return Some(format!("a name in it has {} bytes, at most {NAME_BYTES} are allowed", name.len()));
    }
    // Dots in other characters: full-width, one-dot and two-dot leaders, small.
    let plain: String =
        name.chars().map(|c| if matches!(c, '\u{FF0E}' | '\u{2024}' | '\u{FE52}') { '.' } else { c }).collect();
    if matches!(plain.as_str(), "." | ".." | "\u{2025}") {
        return Some("'.' and '..', in whatever characters, are not allowed in it".into());
    }
    name.starts_with(RESERVED).then(|| format!("names that begin with {RESERVED:?} are reserved"))
}
