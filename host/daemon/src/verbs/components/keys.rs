//! Minisign keys in files, and the password of a secret one.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use minisign::{PublicKey, PublicKeyBox, SecretKey, SecretKeyBox};

use super::file::unreadable;
use crate::error::{CliError, Kind};

/// Far longer than any password; minisign takes 1024.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// The first line of `--password-file`, which may be `-` for standard input.
#[allow(clippy::disallowed_methods, reason = "a file that the author names")]
pub(super) fn password(file: &Path) -> Result<String, CliError> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().take(PASSWORD_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(PASSWORD_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| unreadable(file, &error))?;
    let password = text.lines().next().unwrap_or_default();
    if password.is_empty() {
        return Err(CliError::usage(format!("--password-file {}: it holds no password", file.display())));
    }
    Ok(password.to_owned())
}

/// None means that minisign asks, which takes somebody to answer.
pub(super) fn password_or_prompt(file: Option<&PathBuf>) -> Result<Option<String>, CliError> {
    match file {
        Some(file) => password(file).map(Some),
        None if io::stdin().is_terminal() => Ok(None),
        None => Err(CliError::usage("the key's password is needed, and there is no terminal to ask for it")
            .hint("name a file with --password-file")),
    }
}

/// Reads a secret key; asks for its password where it has one.
#[allow(clippy::disallowed_methods, reason = "a file that the author names")]
pub(super) fn secret(path: &Path, password_file: Option<&PathBuf>) -> Result<SecretKey, CliError> {
    let flawed = |error| CliError::failed(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let key = || SecretKeyBox::from_string(&text);
    if let Ok(key) = key().and_then(SecretKeyBox::into_unencrypted_secret_key) {
        return Ok(key);
    }
    let password = password_or_prompt(password_file)?;
    key().and_then(|key| key.into_secret_key(password)).map_err(flawed)
}

/// A public key: itself, or the file that it is in.
#[allow(clippy::disallowed_methods, reason = "a file that the operator names")]
pub(super) fn public(text: &str) -> Result<PublicKey, CliError> {
    if let Ok(key) = PublicKey::from_base64(text) {
        return Ok(key);
    }
    let path = Path::new(text);
    let file = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("--key {text}: neither a minisign public key nor a file with one: {error}");
        CliError::new(Kind::Usage, message)
    })?;
    let key = PublicKeyBox::from_string(&file).and_then(PublicKeyBox::into_public_key);
    key.map_err(|error| CliError::failed(format!("{}: no minisign public key: {error}", path.display())))
}

/// Writes a file that must not be there yet.
#[allow(clippy::disallowed_methods, reason = "a file that the author names")]
pub(super) fn create(path: &Path, mode: u32, text: &str) -> Result<(), CliError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => CliError::new(Kind::Conflict, format!("{} is already there", path.display()))
            .hint("a key that is gone cannot be had back: move it away, or choose another name"),
        _ => unreadable(path, &error),
    })
}
