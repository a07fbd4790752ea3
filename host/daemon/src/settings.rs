//! Where the state directory is, and the configuration that holds in it.

mod models;

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use openclaw_config::store::{FILE, Overrides};
use openclaw_config::{ConfigErrors, File, KeyPath, Loaded, load};
use openclaw_gateway::{Certificate, check_models, rate_card};

use crate::cli::Global;
use crate::error::{CliError, Kind};

/// The configuration and what was laid over its file.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) loaded: Loaded,
    pub(crate) overrides: Overrides,
}

/// `--home`, `OPENCLAW_HOME`, or `~/.openclaw`.
pub(crate) fn home_path(global: &Global) -> Result<PathBuf, CliError> {
    let given = global.home.clone().filter(|path| !path.as_os_str().is_empty());
    let path = match given {
        Some(path) => path,
        None => std::env::home_dir()
            .filter(|path| !path.as_os_str().is_empty())
            .ok_or_else(|| {
                CliError::usage("there is no home directory to hold .openclaw").hint("name one with --home")
            })?
            .join(".openclaw"),
    };
    Ok(std::path::absolute(path)?)
}

/// What makes a state directory, for whoever named one that is not there.
pub(crate) const MAKES_HOME: &str =
    "`openclaw serve` and `openclaw tenants create ID` make one; --home or OPENCLAW_HOME names another";

/// The same, which must be there: at a mistyped name nothing is made, and nothing passes for sound.
#[allow(clippy::disallowed_methods, reason = "the operator names this directory")]
pub(crate) fn existing_home(global: &Global) -> Result<PathBuf, CliError> {
    let path = home_path(global)?;
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let missing = format!("there is no state directory {}", path.display());
            Err(CliError::new(Kind::NotFound, missing).hint(MAKES_HOME))
        }
        // Whatever else it is, whoever opens it says.
        _ => Ok(path),
    }
}

/// The configuration file of a state directory.
pub(crate) fn config_file(home: &Path) -> PathBuf {
    home.join(FILE)
}

impl Settings {
    /// File, then environment, then flags. No file is an empty one.
    pub(crate) fn load(home: &Path, flags: &[(String, String)]) -> Result<Self, CliError> {
        Self::load_file(&config_file(home), flags, false)
    }

    /// The same with another file, which may have to be there.
    #[allow(clippy::disallowed_methods, reason = "the operator's configuration file")]
    pub(crate) fn load_file(path: &Path, flags: &[(String, String)], required: bool) -> Result<Self, CliError> {
        let unreadable = |error: io::Error| {
            let kind = if error.kind() == io::ErrorKind::NotFound { Kind::NotFound } else { Kind::Configuration };
            CliError::new(kind, format!("{}: {error}", path.display()))
        };
        let text = match fs::read_to_string(path) {
            Ok(text) => Some(text),
            // A link to a file that is not there is a file that is meant to be there.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !required && !path.is_symlink() => None,
            Err(error) => return Err(unreadable(error)),
        };
        let name = path.display().to_string();
        let overrides = Overrides { env: environment(), flags: flags.to_vec() };
        let file = text.as_deref().map(|text| File { name: &name, text });
        let loaded = load(file, overrides.env.clone(), flags)?;
        Ok(Self { loaded, overrides })
    }
}

impl Settings {
    /// Files that a start or a provider needs and that are not there, or of no use: a start would fail where a reload
    /// would not. And the rate card, wherever it stands, and what the scripts of models say.
    #[allow(clippy::disallowed_methods, reason = "files that the operator names")]
    pub(crate) fn check_files(&self) -> Result<(), CliError> {
        let list = KeyPath::of_keys(["components", "load"]);
        let components = self.loaded.config.components.load.iter().enumerate();
        let components = components.map(|(index, file)| (list.index(index), file.as_str()));
        let missing = components.chain(self.model_files()).filter_map(|(key, file)| {
            // A directory can be opened, and not read.
            let error = fs::File::open(file).and_then(|mut file| file.read(&mut [0])).err()?;
            let message = format!("{key}: {file} cannot be read: {error}");
            Some(self.loaded.error(key, message))
        });
        let missing: Vec<_> = missing.collect();
        if !missing.is_empty() {
            return Err(ConfigErrors(missing).into());
        }
        rate_card(&self.loaded)?;
        check_models(&self.loaded.config)?;
        let certificate = self.loaded.config.gateway.tls.as_ref().map(Certificate::read);
        Ok(certificate.transpose().map(drop)?)
    }
}

/// The variables that can be ours; what is no Unicode cannot.
fn environment() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).filter(|(name, _)| name.starts_with("OPENCLAW_")).collect()
}
