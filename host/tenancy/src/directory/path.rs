//! Paths as tenants and components write them, checked before any use.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

/// Most components of a path.
const DEEPEST: usize = 64;
/// Most bytes of one name, as Linux has it.
const LONGEST_NAME: usize = 255;
/// Most bytes of a path, as Linux has it.
const LONGEST_PATH: usize = 4095;
/// Begins the name of a file that is still being written.
pub(super) const TEMPORARY: &str = ".openclaw-tmp-";

/// Characters that are drawn like a separator and have no NFKC form that is
/// one: fraction and division slashes, set minus, box diagonals.
const LIKE_SEPARATORS: &[char] = &[
    '\u{2044}', '\u{2215}', '\u{2216}', '\u{2571}', '\u{2572}', '\u{27CB}', '\u{27CD}', '\u{29F5}', '\u{29F8}',
    '\u{29F9}',
];

/// A relative path of plain names, or the directory itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantPath(String);

/// Why a path was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("it is empty")]
    Empty,
    #[error("it is absolute")]
    Absolute,
    #[error("it has an empty name between two slashes or at its end")]
    EmptyName,
    #[error("'.' and '..', in whatever characters, are not allowed in it")]
    Dots,
    #[error("it holds a backslash")]
    Backslash,
    #[error("it holds the control character U+{:04X}", u32::from(*.0))]
    Control(char),
    #[error("it holds U+{:04X}, which can be taken for a separator", u32::from(*.0))]
    LikeSeparator(char),
    #[error("a name in it has {0} bytes, at most {LONGEST_NAME} are allowed")]
    NameTooLong(usize),
    #[error("it has {0} bytes, at most {LONGEST_PATH} are allowed")]
    PathTooLong(usize),
    #[error("it has more than {DEEPEST} names")]
    TooDeep,
    #[error("names that begin with {TEMPORARY:?} are reserved")]
    Reserved,
}

impl TenantPath {
    /// The directory itself.
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// Whether this is the directory itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path as text, empty for the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many names it has.
    #[must_use]
    pub fn names(&self) -> u64 {
        if self.is_root() { 0 } else { self.0.split('/').count() as u64 }
    }

    /// The path one name below this one.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        if self.is_root() {
            return name.parse();
        }
        format!("{}/{name}", self.0).parse()
    }

    /// The path above and the last name; `None` for the root.
    #[must_use]
    pub fn split_last(&self) -> Option<(Self, &str)> {
        match self.0.rsplit_once('/') {
            Some((parent, name)) => Some((Self(parent.to_owned()), name)),
            None if self.is_root() => None,
            None => Some((Self::root(), &self.0)),
        }
    }

    /// Every path from the first name down to this one.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = Self> + '_ {
        let ends = self.0.match_indices('/').map(|(at, _)| at);
        ends.chain([self.0.len()]).filter(|&end| end > 0).map(|end| Self(self.0[..end].to_owned()))
    }
}

impl FromStr for TenantPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.starts_with('/') {
            return Err(PathError::Absolute);
        }
        if text.len() > LONGEST_PATH {
            return Err(PathError::PathTooLong(text.len()));
        }
        if text.split('/').count() > DEEPEST {
            return Err(PathError::TooDeep);
        }
        text.chars().try_for_each(check_character)?;
        text.split('/').try_for_each(check_name)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TenantPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_character(c: char) -> Result<(), PathError> {
    let separator = |c: char| matches!(c, '/' | '\\');
    if c == '\\' {
        Err(PathError::Backslash)
    } else if c.is_control() {
        Err(PathError::Control(c))
    } else if !c.is_ascii() && (LIKE_SEPARATORS.contains(&c) || c.nfkc().any(separator)) {
        Err(PathError::LikeSeparator(c))
    } else {
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), PathError> {
    if name.is_empty() {
        return Err(PathError::EmptyName);
    }
    if name.len() > LONGEST_NAME {
        return Err(PathError::NameTooLong(name.len()));
    }
    // At most two dots come of one or two characters.
    if name.len() <= 6 && matches!(name.nfkc().collect::<String>().as_str(), "." | "..") {
        return Err(PathError::Dots);
    }
    if name.starts_with(TEMPORARY) {
        return Err(PathError::Reserved);
    }
    Ok(())
}
