//! Names of tenants, of families and of their indexes. A value of these types has been checked,
//! so it is safe as the name of a directory and within a token.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read what they wrote")]
mod tests;

/// Most characters of a tenant's and a family's id.
const LONGEST: usize = 32;
/// Most characters of an index's name.
const LONGEST_INDEX: usize = 64;

/// A tenant's id: `^[a-z0-9][a-z0-9_-]{0,31}$`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(Arc<str>);

/// Why a text is no tenant id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TenantIdError {
    #[error("a tenant id cannot be empty")]
    Empty,
    #[error("a tenant id has at most {LONGEST} characters, this one has {0}")]
    TooLong(usize),
    #[error("a tenant id begins with a-z or 0-9, not with {0:?}")]
    FirstCharacter(char),
    #[error("a tenant id holds a-z, 0-9, '_' and '-' only, not {0:?}")]
    Character(char),
}

/// A family's id, the part of a method's name before the dot:
/// `^[a-z][a-z0-9_]{0,31}$`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Family(Arc<str>);

/// Why a text is no family id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FamilyError {
    #[error("a family cannot be empty")]
    Empty,
    #[error("a family has at most {LONGEST} characters, this one has {0}")]
    TooLong(usize),
    #[error("a family begins with a-z, not with {0:?}")]
    FirstCharacter(char),
    #[error("a family holds a-z, 0-9 and '_' only, not {0:?}")]
    Character(char),
}

/// The name of a vector index, and of its file: `^[a-z0-9][a-z0-9_-]{0,63}$`, which every agent's id is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IndexName(Arc<str>);

/// Why a text is no name of an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an index's name has 1 to {LONGEST_INDEX} of a-z, 0-9, '_' and '-', and begins with a letter or digit")]
pub struct IndexNameError;

impl FromStr for IndexName {
    type Err = IndexNameError;

    fn from_str(text: &str) -> Result<Self, IndexNameError> {
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
        let begins = text.bytes().next().is_some_and(is_plain);
        let holds = text.bytes().all(|byte| is_plain(byte) || matches!(byte, b'_' | b'-'));
        if begins && holds && text.len() <= LONGEST_INDEX { Ok(Self(text.into())) } else { Err(IndexNameError) }
    }
}

impl fmt::Display for IndexName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TenantId {
    type Err = TenantIdError;

    fn from_str(text: &str) -> Result<Self, TenantIdError> {
        let first = text.chars().next().ok_or(TenantIdError::Empty)?;
        if !matches!(first, 'a'..='z' | '0'..='9') {
            return Err(TenantIdError::FirstCharacter(first));
        }
        let allowed = |c: &char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-');
        if let Some(wrong) = text.chars().find(|c| !allowed(c)) {
            return Err(TenantIdError::Character(wrong));
        }
        if text.len() > LONGEST {
            return Err(TenantIdError::TooLong(text.len()));
        }
        Ok(Self(text.into()))
    }
}

impl FromStr for Family {
    type Err = FamilyError;

    fn from_str(text: &str) -> Result<Self, FamilyError> {
        let first = text.chars().next().ok_or(FamilyError::Empty)?;
        if !first.is_ascii_lowercase() {
            return Err(FamilyError::FirstCharacter(first));
        }
        let allowed = |c: &char| matches!(c, 'a'..='z' | '0'..='9' | '_');
        if let Some(wrong) = text.chars().find(|c| !allowed(c)) {
            return Err(FamilyError::Character(wrong));
        }
        if text.len() > LONGEST {
            return Err(FamilyError::TooLong(text.len()));
        }
        Ok(Self(text.into()))
    }
}

/// What both ids offer beyond parsing.
macro_rules! text_id {
    ($id:ident, $error:ident) => {
        impl $id {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $id {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.as_str().to_owned()
            }
        }

        impl std::borrow::Borrow<str> for $id {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl AsRef<str> for $id {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

text_id!(TenantId, TenantIdError);
text_id!(Family, FamilyError);
