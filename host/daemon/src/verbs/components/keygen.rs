//! `openclaw components keygen`

use std::path::PathBuf;

use clap::Args;
use minisign::KeyPair;
use serde_json::json;

use super::keys;
use crate::error::{CliError, Kind};
use crate::output::Output;

const EXAMPLES: &str = "\
EXAMPLES:
  openclaw components keygen --key acme.key --public acme.pub --password-file password.txt
  openclaw components keygen --key ci.key --public ci.pub --no-password --quiet";

/// Make a key pair to sign components with, in minisign's format.
///
/// The secret key is protected by a password: that of --password-file, or the
/// one that is asked for. The public key goes into components.trusted_keys of
/// the gateways that are to take what it signed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Keygen {
    /// Where the secret key is written.
    #[arg(long, value_name = "FILE", default_value = "minisign.key")]
    key: PathBuf,
    /// Where the public key is written.
    #[arg(long, value_name = "FILE", default_value = "minisign.pub")]
    public: PathBuf,
    /// A file with the password to protect the secret key with; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Do not protect the secret key.
    #[arg(long, conflicts_with = "password_file")]
    no_password: bool,
}

impl Keygen {
    pub(super) fn run(self, output: &Output) -> Result<(), CliError> {
        let failed = |error| CliError::new(Kind::Internal, format!("no key could be made: {error}"));
        let pair = if self.no_password {
            KeyPair::generate_unencrypted_keypair()
        } else {
            KeyPair::generate_encrypted_keypair(keys::password_or_prompt(self.password_file.as_ref())?)
        }
        .map_err(failed)?;
        keys::create(&self.key, 0o600, &pair.sk.to_box(None).map_err(failed)?.into_string())?;
        keys::create(&self.public, 0o644, &pair.pk.to_box().map_err(failed)?.into_string())?;
        let public = pair.pk.to_base64();
        if output.json {
            return output.document(&json!({ "publicKey": public, "key": self.key, "public": self.public }));
        }
        if output.quiet {
            return output.line(&public);
        }
        output.line(&format!("public key: {public}"))?;
        output.note(&format!("{} signs, whoever has it: keep it to yourself", self.key.display()));
        Ok(())
    }
}
