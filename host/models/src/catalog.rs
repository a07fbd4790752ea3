//! The models that the operator's configuration offers, and who serves each.

use std::sync::Arc;
use std::time::Duration;

use openclaw_config::gateway::{self, ModelEntry, ProviderKind};
use openclaw_config::{ConfigErrors, File, Located};

use crate::breaker::Breaker;
use crate::credential::{Credential, CredentialError, CredentialSource};
use crate::scripted::Script;

/// Time that a call may take, where the configuration says nothing.
const TIMEOUT: Duration = Duration::from_secs(600);
/// Time without a byte.
const IDLE: Duration = Duration::from_secs(120);

const OPENAI: &str = "https://api.openai.com/v1";
const ANTHROPIC: &str = "https://api.anthropic.com/v1";

/// Most bytes of a script.
const SCRIPT_BYTES: u64 = 4 << 20;

/// Why the configuration's models cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("models.providers: {provider}: {source}")]
    Credential { provider: String, source: CredentialError },
    #[error("models.providers: {provider}: the script {path} cannot be read: {source}")]
    Unreadable { provider: String, path: String, source: std::io::Error },
    #[error("models.providers: {provider}: {source}")]
    Script { provider: String, source: ConfigErrors },
}

/// Every provider, in the order of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    providers: Vec<Arc<Provider>>,
    default: Option<String>,
    embedding: Option<gateway::Embedding>,
}

/// Somebody who serves models.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) timeout: Duration,
    pub(crate) idle: Duration,
    pub(crate) breaker: Breaker,
    models: Vec<gateway::Model>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    OpenAi(Address),
    Anthropic(Address),
    Scripted(Script),
}

/// Where a provider is reached, and with which key.
#[derive(Debug)]
pub(crate) struct Address {
    /// Without a slash at its end.
    pub(crate) base_url: String,
    pub(crate) key: Option<CredentialSource>,
}

/// A model as it is called.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) provider: Arc<Provider>,
    /// As its provider knows it, with what the configuration says of it.
    pub(crate) model: gateway::Model,
}

/// One model that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    pub id: String,
    pub name: Option<String>,
    pub provider: String,
    pub context_window: Option<u64>,
    pub reasoning: bool,
}

impl Catalog {
    pub(crate) fn read(models: &gateway::Models) -> Result<Self, CatalogError> {
        let providers = models.providers.iter().map(|provider| Provider::read(provider).map(Arc::new));
        let (default, embedding) = (models.default.clone(), models.embedding.clone());
        Ok(Self { providers: providers.collect::<Result<_, _>>()?, default, embedding })
    }

    pub(crate) fn default_model(&self) -> Option<&str> {
        self.default.as_deref()
    }

    pub(crate) fn embedding(&self) -> Option<&gateway::Embedding> {
        self.embedding.as_ref()
    }

    /// Who serves a model: by its listed name, or by `provider/name`.
    pub(crate) fn find(&self, name: &str) -> Option<Served> {
        let listed = self.providers.iter().find_map(|provider| Some((provider, provider.listed(name)?)));
        let found = listed.or_else(|| {
            let (id, rest) = name.split_once('/')?;
            let provider = self.providers.iter().find(|provider| provider.id == id)?;
            // By that ending one provider searches, at a price of its own: who wants it lists it.
            let searches = rest.ends_with(":online");
            let unlisted = || (provider.models.is_empty() && !searches).then(|| unknown(rest));
            Some((provider, provider.listed(rest).or_else(unlisted)?))
        });
        found.map(|(provider, model)| Served { provider: provider.clone(), model })
    }

    /// All that is listed. Of a name that two providers list, the first one's.
    pub(crate) fn offered(&self) -> Vec<Offered> {
        let mut offered: Vec<Offered> = Vec::new();
        for provider in &self.providers {
            for model in &provider.models {
                if offered.iter().all(|known| known.id != model.id) {
                    offered.push(Offered {
                        id: model.id.clone(),
                        name: model.name.clone(),
                        provider: provider.id.clone(),
                        context_window: model.context_window,
                        reasoning: model.reasoning,
                    });
                }
            }
        }
        offered
    }
}

impl Provider {
    fn read(configured: &gateway::Provider) -> Result<Self, CatalogError> {
        let address = |default: &str| -> Result<Address, CatalogError> {
            let base_url = configured.base_url.as_deref().unwrap_or(default).trim_end_matches('/').to_owned();
            Ok(Address { base_url, key: key(configured)? })
        };
        let kind = match configured.kind {
            ProviderKind::Openai => Kind::OpenAi(address(OPENAI)?),
            ProviderKind::Anthropic => Kind::Anthropic(address(ANTHROPIC)?),
            ProviderKind::Scripted => Kind::Scripted(script(configured)?),
        };
        let seconds = |given: Option<u64>, default| given.map_or(default, Duration::from_secs);
        let described = |entry: &ModelEntry| match entry {
            ModelEntry::Name(id) => unknown(id),
            ModelEntry::Described(model) => model.clone(),
        };
        Ok(Self {
            id: configured.id.clone(),
            kind,
            timeout: seconds(configured.timeout_seconds, TIMEOUT),
            idle: seconds(configured.idle_seconds, IDLE),
            breaker: Breaker::default(),
            models: configured.models.iter().map(described).collect(),
        })
    }

    /// Whether the operator names this model.
    pub(crate) fn lists(&self, name: &str) -> bool {
        self.models.iter().any(|model| model.id == name)
    }

    fn listed(&self, name: &str) -> Option<gateway::Model> {
        self.models.iter().find(|model| model.id == name).cloned()
    }
}

/// A model of which only the name is known.
fn unknown(id: &str) -> gateway::Model {
    gateway::Model {
        id: id.to_owned(),
        name: None,
        context_window: None,
        max_output_tokens: None,
        reasoning: false,
        fallbacks: Vec::new(),
    }
}

fn key(configured: &gateway::Provider) -> Result<Option<CredentialSource>, CatalogError> {
    let gateway::Provider { api_key, api_key_env, api_key_file, .. } = configured;
    if let Some(secret) = api_key {
        let failed = |source| CatalogError::Credential { provider: configured.id.clone(), source };
        return Credential::new(secret.expose()).map(CredentialSource::Value).map(Some).map_err(failed);
    }
    let environment = api_key_env.clone().map(CredentialSource::Environment);
    Ok(environment.or_else(|| api_key_file.clone().map(|path| CredentialSource::File(path.into()))))
}

fn script(configured: &gateway::Provider) -> Result<Script, CatalogError> {
    let Some(path) = configured.script.clone() else { return Ok(Script::default()) };
    let provider = configured.id.clone();
    match read_script(&path) {
        Ok(text) => {
            let located = Located::parse(File { name: &path, text: &text });
            located.and_then(|located| located.read()).map_err(|source| CatalogError::Script { provider, source })
        }
        Err(source) => Err(CatalogError::Unreadable { provider, path, source }),
    }
}

#[allow(clippy::disallowed_methods, reason = "the operator names this file")]
fn read_script(path: &str) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?.take(SCRIPT_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn catalog(providers: &Value) -> Catalog {
        let models = serde_json::from_value(json!({ "providers": providers })).expect("a configuration");
        Catalog::read(&models).expect("a catalog")
    }

    #[test]
    fn a_model_belongs_to_the_provider_that_lists_it_or_that_is_named() {
        let catalog = catalog(&json!([
            {"id": "one", "kind": "openai", "models": ["small", {"id": "large", "max_output_tokens": 9}]},
            {"id": "any", "kind": "openai", "base_url": "http://127.0.0.1:1/v1/"},
        ]));
        let found = |name: &str| catalog.find(name).map(|served| (served.provider.id.clone(), served.model.id));
        let of = |provider: &str, model: &str| Some((provider.to_owned(), model.to_owned()));
        assert_eq!(found("small"), of("one", "small"));
        assert_eq!(found("one/large"), of("one", "large"));
        assert_eq!(found("any/what/ever"), of("any", "what/ever"));
        assert_eq!(found("any/what/ever:online"), None);
        assert_eq!(found("one/other"), None);
        assert_eq!(found("other"), None);
        assert_eq!(catalog.find("large").and_then(|served| served.model.max_output_tokens), Some(9));
        assert_eq!(catalog.offered().len(), 2);
    }

    #[test]
    fn a_script_that_is_not_there_is_named() {
        let models = json!({"providers": [{"id": "s", "kind": "scripted", "script": "/nonexistent/script.yaml"}]});
        let error = Catalog::read(&serde_json::from_value(models).expect("a configuration")).expect_err("no file");
        assert!(error.to_string().contains("/nonexistent/script.yaml"), "{error}");
    }
}
