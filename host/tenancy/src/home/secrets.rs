//! The two secrets of the state directory: the operator's token and the installation's key.
//!
//! Each is written once and never replaced: one that is there but unusable is an error, and so is
//! a key that is missing where something was sealed with it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use zeroize::Zeroizing;

use super::{Home, HomeError, fixed};
use crate::directory::{DirectoryError, FileKind};
use crate::{OperatorToken, SecretKey};

const OPERATOR_TOKEN: &str = "control-plane.token";
const SECRET_KEY: &str = "secret.key";
/// Far more than any of the files read here.
const SMALL_FILE: u64 = 64 * 1024;

impl Home {
    /// The operator's token: the configured one, or the one in
    /// `control-plane.token`, which is generated (mode 0600) the first time.
    pub fn operator_token(&self, configured: Option<&str>) -> Result<OperatorToken, HomeError> {
        if configured.is_none() {
            self.make_private(OPERATOR_TOKEN)?;
        }
        if let Some(token) = self.stored_token(configured)? {
            return Ok(token);
        }
        let token = OperatorToken::mint().map_err(HomeError::Random)?;
        let line = Zeroizing::new(format!("{}\n", token.reveal()));
        self.write(OPERATOR_TOKEN, line.as_bytes())?;
        Ok(token)
    }

    /// Whether there is an operator's token; changes nothing.
    ///
    /// # Errors
    /// As [`Home::operator_token`].
    pub fn has_operator_token(&self, configured: Option<&str>) -> Result<bool, HomeError> {
        Ok(self.stored_token(configured)?.is_some())
    }

    /// The token; none where it is still to be generated.
    fn stored_token(&self, configured: Option<&str>) -> Result<Option<OperatorToken>, HomeError> {
        if let Some(configured) = configured {
            return OperatorToken::new(configured).ok_or(HomeError::EmptyToken).map(Some);
        }
        let Some(bytes) = self.small_file(OPERATOR_TOKEN)? else { return Ok(None) };
        let token = std::str::from_utf8(&bytes).ok().and_then(OperatorToken::new);
        token.ok_or_else(|| HomeError::UnusableToken(self.path.join(OPERATOR_TOKEN))).map(Some)
    }

    /// The installation's key from `key_file`, or from `secret.key`, which is
    /// generated (mode 0600) the first time.
    ///
    /// # Errors
    /// `KeyMissing` where there are tenants: a new key would open none of their secrets.
    pub fn secret_key(&self, key_file: Option<&Path>) -> Result<SecretKey, HomeError> {
        if key_file.is_none() {
            self.make_private(SECRET_KEY)?;
        }
        if let Some(key) = self.stored_key(key_file)? {
            return Ok(key);
        }
        let key = SecretKey::generate().map_err(HomeError::Random)?;
        self.write(SECRET_KEY, key.as_bytes())?;
        Ok(key)
    }

    /// Whether there is a key; changes nothing.
    ///
    /// # Errors
    /// As [`Home::secret_key`].
    pub fn has_secret_key(&self, key_file: Option<&Path>) -> Result<bool, HomeError> {
        Ok(self.stored_key(key_file)?.is_some())
    }

    /// The key; none where it is still to be generated.
    fn stored_key(&self, key_file: Option<&Path>) -> Result<Option<SecretKey>, HomeError> {
        if let Some(path) = key_file {
            let bytes = read_operator_file(path)
                .map_err(|error| HomeError::File { path: path.to_path_buf(), source: error.into() })?;
            return key_of(&bytes).ok_or_else(|| HomeError::UnusableKey(path.to_path_buf())).map(Some);
        }
        if let Some(bytes) = self.small_file(SECRET_KEY)? {
            return key_of(&bytes).ok_or_else(|| HomeError::UnusableKey(self.path.join(SECRET_KEY))).map(Some);
        }
        if self.tenant_ids()?.is_empty() { Ok(None) } else { Err(HomeError::KeyMissing(self.path.join(SECRET_KEY))) }
    }

    /// Takes others' access to a file away, where it is there.
    fn make_private(&self, name: &str) -> Result<(), HomeError> {
        let failed = |error| self.file_error(name, error);
        match self.root.metadata(&fixed(name)).map_err(failed)? {
            None => Ok(()),
            Some(found) if found.kind == FileKind::Directory => Err(failed(DirectoryError::IsDirectory)),
            Some(_) => self.root.make_private(&fixed(name)).map_err(failed),
        }
    }

    fn small_file(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, HomeError> {
        match self.root.read_all(&fixed(name), SMALL_FILE) {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(DirectoryError::NotFound) => Ok(None),
            Err(error) => Err(self.file_error(name, error)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), HomeError> {
        self.root.write_atomic(&fixed(name), bytes).map_err(|error| self.file_error(name, error))
    }
}

fn key_of(bytes: &[u8]) -> Option<SecretKey> {
    let bytes = bytes.try_into().ok()?;
    Some(SecretKey::from_bytes(Zeroizing::new(bytes)))
}

#[allow(clippy::disallowed_methods, reason = "a file that the operator names")]
fn read_operator_file(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let handle = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = Zeroizing::new(Vec::new());
    File::from(handle).take(SMALL_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}
