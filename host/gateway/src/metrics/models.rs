//! What `/metrics` tells of models: calls by how they ended, tokens by class, and what they cost.
//!
//! Providers and models are those that the operator's configuration names, up to a bound; a name that a client chose is
//! counted as `other`. Tenants are named where `telemetry.tenant_label` asks for it, each with its sums over all
//! models.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use openclaw_models::{End, Ended};
use openclaw_tenancy::{PicoUsd, TenantId};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::{OTHER, keep, kept};

/// How a call can end: as its row says, or without one.
const ENDS: [&str; 6] = ["ok", "client_gone", "provider_error", "estimated", "refused", "unsent"];

/// The ledger's classes of tokens, which do not overlap; both kinds of cache writes are one.
const CLASSES: [&str; 5] = ["input", "cache_read", "cache_write", "output", "reasoning"];

/// Models beyond so many are counted together, as `other`.
const MODELS_MAX: usize = 256;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ModelLabels {
    provider: Arc<str>,
    model: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ModelEndLabels {
    provider: Arc<str>,
    model: Arc<str>,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ModelClassLabels {
    provider: Arc<str>,
    model: Arc<str>,
    class: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TenantLabels {
    tenant: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TenantEndLabels {
    tenant: Arc<str>,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TenantClassLabels {
    tenant: Arc<str>,
    class: &'static str,
}

#[derive(Default)]
pub(super) struct ModelMetrics {
    calls: Family<ModelEndLabels, Counter>,
    tokens: Family<ModelClassLabels, Counter>,
    cost: Family<ModelLabels, Counter>,
    of_tenants: Family<TenantEndLabels, Counter>,
    tokens_of_tenants: Family<TenantClassLabels, Counter>,
    cost_of_tenants: Family<TenantLabels, Counter>,
    models: RwLock<HashMap<(String, String), Arc<Counters>>>,
    tenants: RwLock<HashMap<TenantId, Arc<Counters>>>,
}

/// What the calls of one model, or of one tenant, are counted with.
struct Counters {
    ends: [Counter; ENDS.len()],
    classes: [Counter; CLASSES.len()],
    /// Whole pico-USD: a sum of fractions would drift.
    cost: Counter,
}

impl ModelMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let calls = "Calls of models, by provider, model and how they ended";
        registry.register("openclaw_model_calls", calls, self.calls.clone());
        let tokens = "Tokens of models, by provider, model and class, as they were billed";
        registry.register("openclaw_model_tokens", tokens, self.tokens.clone());
        let cost = "What models cost, in millionths of a millionth of a US dollar";
        registry.register("openclaw_model_cost_picousd", cost, self.cost.clone());
        registry.register(
            "openclaw_tenant_model_calls",
            "Calls of models, by tenant and how they ended",
            self.of_tenants.clone(),
        );
        registry.register(
            "openclaw_tenant_model_tokens",
            "Tokens of models, by tenant and class",
            self.tokens_of_tenants.clone(),
        );
        registry.register(
            "openclaw_tenant_model_cost_picousd",
            "What models cost, by tenant",
            self.cost_of_tenants.clone(),
        );
    }

    pub(super) fn count(&self, ended: &Ended<'_>, names_tenant: bool) {
        self.of_model(ended.provider, ended.model.unwrap_or(OTHER)).count(&ended.end);
        if names_tenant {
            kept(&self.tenants, ended.tenant, || self.tenant(ended.tenant)).count(&ended.end);
        }
    }

    fn of_model(&self, provider: &str, model: &str) -> Arc<Counters> {
        let key = (provider.to_owned(), model.to_owned());
        let known = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let is_full = known.len() >= MODELS_MAX && !known.contains_key(&key);
        drop(known);
        let key = if is_full { (OTHER.to_owned(), OTHER.to_owned()) } else { key };
        kept(&self.models, &key, || {
            let (provider, model): (Arc<str>, Arc<str>) = (key.0.as_str().into(), key.1.as_str().into());
            let labels = || (provider.clone(), model.clone());
            Counters {
                ends: ENDS.map(|outcome| {
                    let (provider, model) = labels();
                    self.calls.get_or_create_owned(&ModelEndLabels { provider, model, outcome })
                }),
                classes: CLASSES.map(|class| {
                    let (provider, model) = labels();
                    self.tokens.get_or_create_owned(&ModelClassLabels { provider, model, class })
                }),
                cost: self.cost.get_or_create_owned(&ModelLabels { provider: provider.clone(), model: model.clone() }),
            }
        })
    }

    fn tenant(&self, tenant: &TenantId) -> Counters {
        let tenant: Arc<str> = tenant.as_str().into();
        let of = &tenant;
        Counters {
            ends: ENDS
                .map(|outcome| self.of_tenants.get_or_create_owned(&TenantEndLabels { tenant: of.clone(), outcome })),
            classes: CLASSES.map(|class| {
                self.tokens_of_tenants.get_or_create_owned(&TenantClassLabels { tenant: of.clone(), class })
            }),
            cost: self.cost_of_tenants.get_or_create_owned(&TenantLabels { tenant: of.clone() }),
        }
    }

    /// Forgets the tenants that are not to be named any more.
    pub(super) fn keep_tenants(&self, is_kept: impl Fn(&TenantId) -> bool) {
        for tenant in keep(&self.tenants, is_kept) {
            for outcome in ENDS {
                self.of_tenants.remove(&TenantEndLabels { tenant: tenant.clone(), outcome });
            }
            for class in CLASSES {
                self.tokens_of_tenants.remove(&TenantClassLabels { tenant: tenant.clone(), class });
            }
            self.cost_of_tenants.remove(&TenantLabels { tenant });
        }
    }
}

impl Counters {
    fn count(&self, end: &End<'_>) {
        let row = match end {
            End::Settled(row) => row,
            End::Refused => return self.end("refused"),
            End::Unsent => return self.end("unsent"),
        };
        self.end(row.outcome.name());
        let used = row.tokens;
        let written = used.input_cache_write.saturating_add(used.input_cache_write_1h);
        let amounts = [used.input_uncached, used.input_cache_read, written, used.output_text, used.output_reasoning];
        for (counter, amount) in self.classes.iter().zip(amounts) {
            counter.inc_by(amount);
        }
        self.cost.inc_by(pico(row.cost));
    }

    fn end(&self, name: &str) {
        if let Some(at) = ENDS.iter().position(|known| *known == name) {
            self.ends[at].inc();
        }
    }
}

fn pico(cost: PicoUsd) -> u64 {
    u64::try_from(cost.pico()).unwrap_or(u64::MAX)
}
