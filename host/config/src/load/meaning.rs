//! What a schema cannot say: rules between keys, and texts with a form of their own.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::check::Finding;
use crate::gateway::{GatewayConfig, ModelEntry, Provider, ProviderKind};
use crate::overlay::{misread, strictness};
use crate::path::KeyPath;

/// Everything that a well-formed configuration still says wrongly.
pub(super) fn check(config: &GatewayConfig) -> Vec<Finding> {
    let mut rules = Rules { found: Vec::new() };
    rules.gateway(config);
    rules.models(config);
    rules.others(config);
    rules.open_sections(config);
    rules.found
}

struct Rules {
    found: Vec<Finding>,
}

impl Rules {
    fn refuse(&mut self, key: &str, what: &str) {
        let path = KeyPath::parse(key).unwrap_or_default();
        self.found.push(Finding { message: format!("{path} {what}"), path, suggestion: None });
    }

    fn gateway(&mut self, config: &GatewayConfig) {
        let gateway = &config.gateway;
        if gateway.control_plane_token.as_ref().is_some_and(crate::Secret::is_blank) {
            self.refuse("gateway.control_plane_token", "is empty; remove the key to have a token made");
        }
        let exposed = !gateway.listen.ip().is_loopback();
        if exposed && gateway.tls.is_none() && !gateway.allow_plaintext_remote {
            self.refuse(
                "gateway.listen",
                "is reachable from outside without TLS; set gateway.tls, or gateway.allow_plaintext_remote \
                 where a proxy terminates TLS",
            );
        }
        for (index, origin) in gateway.allowed_origins.iter().enumerate() {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if !host.is_some_and(is_host) {
                let key = format!("gateway.allowed_origins[{index}]");
                self.refuse(&key, "must be scheme://host[:port], without a path");
            }
        }
        for (index, host) in gateway.allowed_hosts.iter().enumerate() {
            if !is_host(host) {
                self.refuse(
                    &format!("gateway.allowed_hosts[{index}]"),
                    "must be a host name, with its port where it has one",
                );
            }
        }
    }

    fn models(&mut self, config: &GatewayConfig) {
        let mut ids = HashSet::new();
        for (index, provider) in config.models.providers.iter().enumerate() {
            let key = format!("models.providers[{index}]");
            if provider.id.is_empty() || provider.id.contains('/') {
                self.refuse(&format!("{key}.id"), "must not be empty and not hold a slash");
            }
            if !ids.insert(provider.id.as_str()) {
                self.refuse(&format!("{key}.id"), "is the id of another provider too");
            }
            self.provider(&key, provider);
        }
        let providers = &config.models.providers;
        let listed = |name: &str| providers.iter().any(|provider| offers(provider, name));
        if config.models.default.as_deref().is_some_and(|name| !listed(name)) {
            self.refuse("models.default", "is a model of no provider");
        }
        for (index, provider) in providers.iter().enumerate() {
            for (at, model) in provider.models.iter().enumerate() {
                let ModelEntry::Described(model) = model else { continue };
                if model.fallbacks.iter().any(|name| !listed(name)) {
                    self.refuse(
                        &format!("models.providers[{index}].models[{at}].fallbacks"),
                        "names a model of no provider",
                    );
                }
            }
        }
    }

    fn provider(&mut self, key: &str, provider: &Provider) {
        let keys = [provider.api_key.is_some(), provider.api_key_env.is_some(), provider.api_key_file.is_some()];
        if keys.iter().filter(|given| **given).count() > 1 {
            self.refuse(key, "has more than one of api_key, api_key_env and api_key_file");
        }
        if provider.api_key.as_ref().is_some_and(crate::Secret::is_blank) {
            self.refuse(&format!("{key}.api_key"), "is empty");
        }
        if provider.base_url.as_deref().is_some_and(|url| !is_http(url)) {
            self.refuse(&format!("{key}.base_url"), "must be an http(s) address");
        }
        if provider.kind != ProviderKind::Scripted && provider.script.is_some() {
            self.refuse(&format!("{key}.script"), "is for providers of kind scripted");
        }
    }

    fn others(&mut self, config: &GatewayConfig) {
        let limits = &config.components.limits;
        if limits.wall_ms > limits.max_wall_ms {
            self.refuse("components.limits.wall_ms", "is more than components.limits.max_wall_ms");
        }
        let currency = &config.billing.currency;
        if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
            self.refuse("billing.currency", "must be three capital letters");
        }
        if !is_retention(&config.cron.session_retention) {
            self.refuse("cron.session_retention", "must be a number with m, h or d, or off");
        }
        for (key, url) in [
            ("backup.endpoint", config.backup.endpoint.as_deref()),
            ("telemetry.otlp.endpoint", config.telemetry.otlp.as_ref().map(|otlp| otlp.endpoint.as_str())),
        ] {
            if url.is_some_and(|url| !is_http(url)) {
                self.refuse(key, "must be an http(s) address");
            }
        }
        for (index, pair) in config.sandbox.allow.iter().enumerate() {
            let port = pair.rsplit_once(':').map(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0));
            if port != Some(true) || !is_host(pair) {
                self.refuse(&format!("sandbox.allow[{index}]"), "must be host:port");
            }
        }
        self.backends(config);
    }

    /// What a tenant's overlay is refused for, as nobody would read it, is refused here too.
    fn open_sections(&mut self, config: &GatewayConfig) {
        let found = misread(&json!(config)).into_iter();
        self.found.extend(found.map(|(path, what)| Finding {
            message: format!("{path} {what}"),
            path,
            suggestion: None,
        }));
    }

    /// An agent is confined as everyone is, or better.
    fn backends(&mut self, config: &GatewayConfig) {
        let gateway = strictness(&json!(config.sandbox.mode));
        let list = config.agents.get("list").and_then(Value::as_array).into_iter().flatten().enumerate();
        let agents = list.map(|(index, agent)| (format!("agents.list[{index}]"), agent));
        let defaults = config.agents.get("defaults").map(|defaults| ("agents.defaults".to_owned(), defaults));
        for (key, agent) in defaults.into_iter().chain(agents) {
            let chosen = &agent["sandbox"]["backend"];
            let key = format!("{key}.sandbox.backend");
            match strictness(chosen) {
                None if !chosen.is_null() => self.refuse(&key, "must be bwrap or docker"),
                found @ Some(_) if found < gateway => self.refuse(&key, "is less strict than sandbox.mode"),
                _ => {}
            }
        }
    }
}

/// True when a provider lists the model, or lists none and is named by a `provider/` prefix.
fn offers(provider: &Provider, name: &str) -> bool {
    let own = name.strip_prefix(&provider.id).and_then(|rest| rest.strip_prefix('/'));
    let lists = |wanted: &str| provider.models.iter().map(ModelEntry::id).any(|id| id == wanted);
    lists(name) || own.is_some_and(|own| provider.models.is_empty() || lists(own))
}

fn is_host(host: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:[]*".contains(c);
    !host.is_empty() && host.chars().all(allowed)
}

fn is_http(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    host.is_some_and(|rest| !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c.is_control()))
}

/// `90m`, `24h`, `7d`, `off`.
pub(crate) fn is_retention(text: &str) -> bool {
    let number = text.strip_suffix(['m', 'h', 'd']);
    text == "off" || number.is_some_and(|digits| digits.parse::<u32>().is_ok_and(|count| count > 0))
}
