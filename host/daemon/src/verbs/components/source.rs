//! Where a component that is to be installed comes from, and why it is the one that was meant.

use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use clap::Args;
use minisign::SignatureBox;
use openclaw_fetch::{Fetcher, OCI, Registry};
use openclaw_runtime::Digest;

use super::file::{ComponentFile, unreadable};
use super::{keys, sign};
use crate::error::CliError;
use crate::fetch;

/// What is known of a component before it is read.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// The digest that it must have.
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// The public key that must have signed it, or the file that it is in.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Its signature: a file [default: FILE.minisig, URL.minisig, or what was published with it].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

/// How far a fetch may go, and who asks.
#[derive(Debug, Args)]
pub(super) struct Access {
    /// Reach into your own networks too: private, local and reserved addresses.
    #[arg(long)]
    allow_private_addresses: bool,
    /// Who you are to the registry.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    username: Option<String>,
    /// The file whose first line is the password; - is standard input.
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
}

impl Access {
    fn fetcher(&self) -> Fetcher {
        fetch::fetcher(self.allow_private_addresses)
    }

    pub(super) async fn registry(&self, address: &str) -> Result<Registry, CliError> {
        let login = match (&self.username, &self.password_file) {
            (Some(name), Some(file)) => Some((name.clone(), keys::password(file)?)),
            _ => None,
        };
        Ok(self.fetcher().registry(address, login).await?)
    }
}

/// A component that is the one that was meant.
pub(super) struct Sourced {
    pub(super) file: ComponentFile,
    /// The text of a `.minisig` file.
    pub(super) signature: Option<String>,
}

impl Source {
    pub(super) async fn read(&self, path: &Path) -> Result<Sourced, CliError> {
        let url = path.to_str().filter(|text| text.contains("://"));
        let sourced = match url {
            Some(url) => self.fetch(url).await?,
            None => {
                let file = ComponentFile::read(path)?;
                Sourced { signature: signature(self.signature.as_deref(), Some(&sign::beside(path)))?, file }
            }
        };
        let found = sourced.file.inspection.digest;
        if let Some(expected) = self.digest.filter(|expected| *expected != found) {
            let message = format!("{}: its digest is {found}, and {expected} was expected", path.display());
            return Err(CliError::failed(message));
        }
        if let Some(key) = &self.key {
            verify(key, &sourced, path)?;
        }
        Ok(sourced)
    }

    /// Nothing that comes over the network is taken for what it says it is.
    async fn fetch(&self, url: &str) -> Result<Sourced, CliError> {
        if self.digest.is_none() && self.key.is_none() {
            return Err(CliError::usage(format!("{url}: what is fetched takes a digest or a signature"))
                .hint("say which it is with --digest sha256:…, or who signed it with --key minisign.pub"));
        }
        let named = signature(self.signature.as_deref(), None)?;
        if url.starts_with(OCI) {
            let image = self.access.registry(url).await?.pull().await?;
            let file = ComponentFile::fetched(url, image.wasm)?;
            return Ok(Sourced { file, signature: named.or(image.signature) });
        }
        let fetcher = self.access.fetcher();
        let file = ComponentFile::fetched(url, fetcher.get(url).await?)?;
        if named.is_some() || self.key.is_none() {
            return Ok(Sourced { file, signature: named });
        }
        let text = fetcher.get(&format!("{url}.minisig")).await?;
        Ok(Sourced { file, signature: Some(String::from_utf8_lossy(&text).into_owned()) })
    }
}

/// The signature that is named, or that lies beside the component.
#[allow(clippy::disallowed_methods, reason = "a file that the operator names")]
pub(super) fn signature(named: Option<&Path>, beside: Option<&Path>) -> Result<Option<String>, CliError> {
    let Some(path) = named.or(beside) else { return Ok(None) };
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn verify(key: &str, sourced: &Sourced, path: &Path) -> Result<(), CliError> {
    let key = keys::public(key)?;
    let flawed = |why: String| CliError::failed(format!("the signature of {} is not valid: {why}", path.display()));
    let text = sourced.signature.as_deref().ok_or_else(|| flawed("there is none".into()))?;
    let signature = SignatureBox::from_string(text).map_err(|error| flawed(error.to_string()))?;
    minisign::verify(&key, &signature, Cursor::new(&sourced.file.wasm), true, false, false)
        .map_err(|error| flawed(error.to_string()))
}
