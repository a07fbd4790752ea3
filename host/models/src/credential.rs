//! A provider's key: where it comes from, and a type that does not show it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::{env, fmt};

use zeroize::Zeroizing;

/// Most bytes of a file that holds a key.
const MAX_FILE: u64 = 16 * 1024;

/// Where a key is. It is read anew for each client, so that a rotated one is found.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    Value(Credential),
    /// The name of an environment variable.
    Environment(String),
    File(PathBuf),
}

impl CredentialSource {
    /// Reads the key. White space around it, such as a file's last line end, is not part of it.
    pub fn read(&self) -> Result<Credential, CredentialError> {
        match self {
            Self::Value(credential) => Ok(credential.clone()),
            Self::Environment(name) => match env::var(name) {
                Ok(value) => Credential::new(value),
                Err(env::VarError::NotPresent) => Err(CredentialError::NoVariable(name.clone())),
                // The error of the standard library holds the value, which is not to be shown.
                Err(env::VarError::NotUnicode(_)) => Err(CredentialError::NotAHeader),
            },
            Self::File(path) => Credential::new(read_file(path)?),
        }
    }
}

/// Why there is no key. No message holds any part of one.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error("the environment variable {0} is not set: set it to the provider's key")]
    NoVariable(String),
    #[error("the key file {} cannot be read: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the provider's key is empty")]
    Empty,
    #[error("the provider's key has characters that no HTTP header can carry: it must be visible ASCII")]
    NotAHeader,
}

/// A key. It prints as `[redacted]`, and its memory is cleared when it is dropped.
#[derive(Clone)]
pub struct Credential(Zeroizing<String>);

impl Credential {
    /// Takes a key that an HTTP header can carry.
    pub fn new(value: impl Into<String>) -> Result<Self, CredentialError> {
        let value = Zeroizing::new(value.into());
        let key = value.trim();
        if key.is_empty() {
            return Err(CredentialError::Empty);
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CredentialError::NotAHeader);
        }
        Ok(Self(Zeroizing::new(key.to_owned())))
    }

    /// The key itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[allow(clippy::disallowed_methods, reason = "the operator names this file")]
fn read_file(path: &Path) -> Result<String, CredentialError> {
    let failed = |source| CredentialError::File { path: path.to_owned(), source };
    // As large as it can get from the start: a buffer that grew would leave copies of the key behind.
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE as usize + 1));
    std::fs::File::open(path).map_err(failed)?.take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE {
        return Err(failed(std::io::Error::other(format!("it is larger than {MAX_FILE} bytes, so it is no key"))));
    }
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_from_a_file_without_its_line_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("key");
        write(&path, "sk-canary\n");
        assert_eq!(CredentialSource::File(path).read().expect("a key").expose(), "sk-canary");
    }

    #[test]
    fn what_is_missing_is_named() {
        let gone = CredentialSource::File("/nonexistent/key".into()).read().expect_err("no such file");
        assert!(gone.to_string().contains("/nonexistent/key"), "{gone}");
        let unset = CredentialSource::Environment("OPENCLAW_TEST_NO_SUCH_KEY".into()).read().expect_err("not set");
        assert!(unset.to_string().contains("OPENCLAW_TEST_NO_SUCH_KEY"), "{unset}");
    }

    #[test]
    fn a_file_that_is_too_large_for_a_key_is_refused_and_not_cut() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("key");
        write(&path, &"k".repeat(MAX_FILE as usize + 1));
        assert!(matches!(CredentialSource::File(path).read(), Err(CredentialError::File { .. })));
    }

    #[test]
    fn nothing_prints_a_key() {
        let source = CredentialSource::Value(Credential::new("sk-canary").expect("a key"));
        assert!(!format!("{source:?} {source:#?}").contains("canary"));
        let refused = Credential::new("sk-canary\r\nX-Injected: 1").expect_err("a header in a key");
        assert!(!format!("{refused} {refused:?}").contains("canary"));
        assert!(matches!(Credential::new(" \n"), Err(CredentialError::Empty)));
    }

    #[allow(clippy::disallowed_methods, reason = "a file of this test's own directory")]
    fn write(path: &Path, text: &str) {
        std::fs::write(path, text).expect("a file");
    }
}
