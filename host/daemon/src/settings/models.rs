//! What of the configuration's models only other files tell, or a whole entry.

use jiff::Timestamp;
use openclaw_config::gateway::{Provider, ProviderKind};
use openclaw_config::{ConfigError, KeyPath, Warning};
use openclaw_gateway::rate_card;

use super::Settings;

impl Settings {
    /// Settings that may not be what was meant, those of models among them.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let mut warnings = self.loaded.warnings();
        warnings.extend(self.model_warnings());
        warnings
    }

    /// Providers that want a key and have none, and a default model that nobody may call.
    pub(crate) fn model_warnings(&self) -> Vec<Warning> {
        let list = KeyPath::of_keys(["models", "providers"]);
        let providers = self.loaded.config.models.providers.iter().enumerate();
        let keyless = providers.filter(|(_, provider)| wants_key(provider)).map(|(index, _)| {
            let key = list.index(index);
            let message = format!("{key} has no key: set its api_key_file, api_key_env or api_key");
            self.warning(key, message)
        });
        let mut warnings: Vec<Warning> = keyless.collect();
        if let Some(model) = self.unpriced_default() {
            let key = KeyPath::of_keys(["models", "default"]);
            let message = format!("{key}: {model} has no price in billing.rate_card, so that its calls are refused");
            warnings.push(self.warning(key, message));
        }
        warnings
    }

    /// The files that providers name.
    pub(super) fn model_files(&self) -> impl Iterator<Item = (KeyPath, &str)> {
        let list = KeyPath::of_keys(["models", "providers"]);
        self.loaded.config.models.providers.iter().enumerate().flat_map(move |(index, provider)| {
            let at = list.index(index);
            let script = provider.script.as_deref().map(|file| (at.key("script"), file));
            let key = provider.api_key_file.as_deref().map(|file| (at.key("api_key_file"), file));
            script.into_iter().chain(key)
        })
    }

    /// A rate card that cannot be read is told of as an error.
    fn unpriced_default(&self) -> Option<&str> {
        let models = &self.loaded.config.models;
        let name = models.default.as_deref()?;
        let card = rate_card(&self.loaded).ok()?;
        let of_provider = name.split_once('/').filter(|(id, _)| models.providers.iter().any(|known| known.id == *id));
        let names = [Some(name), of_provider.map(|(_, model)| model)];
        let now = Timestamp::now();
        names.into_iter().flatten().all(|name| card.rule(name, now).is_err()).then_some(name)
    }

    fn warning(&self, key: KeyPath, message: String) -> Warning {
        let ConfigError { source_of, key, message, .. } = self.loaded.error(key, message);
        Warning { source_of, key, message }
    }
}

/// At an address of the operator's own there may be a server that wants none.
fn wants_key(provider: &Provider) -> bool {
    let Provider { kind, base_url, api_key, api_key_env, api_key_file, .. } = provider;
    let has_key = api_key.is_some() || api_key_env.is_some() || api_key_file.is_some();
    *kind != ProviderKind::Scripted && base_url.is_none() && !has_key
}
