//! `components.*`: what serves a tenant's families, and changing that while
//! the gateway runs. Served by the host, since it is about the components
//! themselves.

pub(crate) mod answer;
mod fetch;

use std::sync::{Arc, LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openclaw_runtime::{BindingScope, Deed, Digest, Install, Scope};
use openclaw_tenancy::{Family, TenantRecord};
use serde_json::{Value, json};

use crate::{Gateway, auth::Identity, discover::closed_object, in_flight::Share, reply::Problem, schemas::Schemas};

/// What an upload that is being installed counts among a tenant's bytes under way, whatever its size.
const INSTALLING_BYTES: u64 = openclaw_runtime::UPLOAD_BYTES / 2;

/// A method about components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ComponentMethod {
    List,
    Install,
    Activate,
    Rollback,
    Remove,
}

impl ComponentMethod {
    pub(crate) const ALL: [Self; 5] = [Self::List, Self::Install, Self::Activate, Self::Rollback, Self::Remove];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::List => "components.list",
            Self::Install => "components.install",
            Self::Activate => "components.activate",
            Self::Rollback => "components.rollback",
            Self::Remove => "components.remove",
        }
    }

    pub(crate) fn summary(self) -> &'static str {
        match self {
            Self::List => "Lists the components that serve, and the versions that are kept, with their calls.",
            Self::Install => "Checks a component and binds it, for all calls or a share of them.",
            Self::Activate => "Binds a version that is kept, or makes the canary take all calls.",
            Self::Rollback => "Ends the canary, or goes back to the version before.",
            Self::Remove => "Takes one version of a family away, or all: what is below is bound again.",
        }
    }

    /// What a caller needs who is not the operator; none where only the operator may.
    pub(crate) fn scope(self, self_service: bool) -> Option<Scope> {
        match self {
            Self::List => Some(Scope::Read),
            _ if self_service => Some(Scope::Write),
            _ => None,
        }
    }

    /// Groups and grants are the operator's to name.
    pub(crate) fn params(self, operator: bool) -> Value {
        let text = json!({ "type": "string" });
        let digest = json!({ "type": "string", "pattern": "^(sha256:)?[0-9a-f]{64}$" });
        let grants = json!({ "type": "array", "items": text, "maxItems": 100 });
        let (mut properties, required) = match self {
            Self::List => (json!({}), json!([])),
            Self::Install => (
                json!({
                    "family": text,
                    "wasm": text,
                    "uploadId": digest,
                    "url": { "type": "string", "maxLength": 2048, "pattern": "^(https|oci)://[!-~]+$" },
                    "grants": grants,
                    "expectDigest": digest,
                    "signature": { "type": "string", "maxLength": 4096 },
                    "canaryPercent": { "type": "integer", "minimum": 1, "maximum": 99 },
                }),
                json!([]),
            ),
            Self::Activate => (json!({ "family": text, "digest": digest, "grants": grants }), json!(["family"])),
            Self::Rollback => (json!({ "family": text }), json!(["family"])),
            Self::Remove => (json!({ "family": text, "digest": digest }), json!(["family"])),
        };
        if operator {
            properties["group"] = text;
        } else if let Value::Object(properties) = &mut properties {
            properties.remove("grants");
        }
        closed_object(&properties, &required)
    }

    pub(crate) fn result(self) -> Value {
        match self {
            Self::List | Self::Install => answer::schema(self == Self::List),
            Self::Activate | Self::Rollback | Self::Remove => answer::changed_schema(),
        }
    }

    fn check(self, params: &Value, operator: bool) -> Result<(), Problem> {
        static SCHEMAS: LazyLock<Schemas<(ComponentMethod, bool)>> = LazyLock::new(|| {
            let both = ComponentMethod::ALL.into_iter().flat_map(|method| [(method, false), (method, true)]);
            Schemas::compile(both.map(|(method, operator)| ((method, operator), method.params(operator))))
        });
        SCHEMAS.check(&(self, operator), params)
    }
}

/// Whose bindings a request is about.
pub(crate) struct Target {
    scope: BindingScope,
    tenant: Option<Arc<TenantRecord>>,
}

impl Target {
    /// A tenant's own; or the tenant, the group or the gateway that the operator names.
    pub(crate) fn of(
        gateway: &Gateway,
        identity: &Identity,
        own: Option<Arc<TenantRecord>>,
        group: Option<&str>,
    ) -> Result<Self, Problem> {
        let tenant = match (own, &identity.acting_for) {
            (Some(own), _) => Some(own),
            (None, Some(named)) => Some(gateway.tenant(named)?),
            (None, None) => None,
        };
        let scope = match (&tenant, group) {
            (Some(_), Some(_)) => return Err(Problem::params("name a tenant or a group, not both")),
            (Some(tenant), None) => BindingScope::Tenant(tenant.id.clone()),
            (None, Some(group)) if gateway.runtime().plugins().has_group(group) => BindingScope::Group(group.into()),
            (None, Some(group)) => {
                return Err(Problem::not_found(format!("components.groups has no group {group:?}")));
            }
            (None, None) => BindingScope::Gateway,
        };
        Ok(Self { scope, tenant })
    }
}

/// Runs one. Answers the result's JSON.
pub(crate) async fn call(
    gateway: &Gateway,
    identity: &Identity,
    own: Option<Arc<TenantRecord>>,
    method: ComponentMethod,
    params: Value,
    request_id: &str,
) -> Result<String, Problem> {
    method.check(&params, identity.caller.is_operator())?;
    let target = Target::of(gateway, identity, own, params["group"].as_str())?;
    if method != ComponentMethod::List && target.tenant.is_none() && !identity.caller.is_operator() {
        // The operator's token with fewer scopes: what serves everyone is not for it.
        return Err(Problem::missing_scope(&format!("{} for every tenant", method.name()), Scope::Admin));
    }
    let plugins = gateway.runtime().plugins();
    if method == ComponentMethod::List {
        let tenant = target.tenant.as_ref().map(|tenant| &tenant.id);
        let listed = plugins.list(tenant, &target.scope).await;
        let rows: Vec<Value> = listed.iter().map(|listed| answer::row(listed, identity.caller.is_operator())).collect();
        return Ok(json!({ "components": rows }).to_string());
    }
    let actor = identity.caller.actor.clone();
    let deed = match method {
        ComponentMethod::List | ComponentMethod::Install => {
            let upload = digest(&params["uploadId"])?.map(|digest| (target.tenant.clone(), digest));
            let source = source(gateway, identity, &target, &params, request_id).await?;
            let (install, _share) = install(target, identity, &params, source)?;
            let installed = plugins.install(install).await;
            let installed = installed.map_err(|error| Problem::of_change(error, request_id))?;
            if let Some((tenant, digest)) = upload {
                gateway.services().forget_upload(tenant, digest).await;
            }
            return Ok(answer::installed(&installed).to_string());
        }
        ComponentMethod::Activate => {
            Deed::Activate { digest: digest(&params["digest"])?, grants: texts(&params["grants"]) }
        }
        ComponentMethod::Rollback => Deed::Rollback,
        ComponentMethod::Remove => Deed::Remove { digest: digest(&params["digest"])? },
    };
    let family = params["family"].as_str().unwrap_or_default();
    let family: Family =
        family.parse().map_err(|error: openclaw_tenancy::FamilyError| Problem::params(format!("family: {error}")))?;
    let changed = plugins.change(target.scope, family.clone(), deed, actor).await;
    Ok(answer::changed(&family, &changed.map_err(|error| Problem::of_change(error, request_id))?).to_string())
}

/// What is to be installed, as far as it is known.
struct Source {
    wasm: Vec<u8>,
    /// The text of a `.minisig` file.
    signature: Option<String>,
    /// The digest that it must have was said.
    is_pinned: bool,
    /// Of what the tenant has under way, for what did not come with the request.
    share: Option<Share>,
}

/// The component's bytes: sent along, uploaded before, or fetched now.
async fn source(
    gateway: &Gateway,
    identity: &Identity,
    target: &Target,
    params: &Value,
    request_id: &str,
) -> Result<Source, Problem> {
    let share = || gateway.bodies.take(identity, INSTALLING_BYTES).map(Some);
    let signature = params["signature"].as_str().map(str::to_owned);
    let source = Source { wasm: Vec::new(), signature, is_pinned: params["expectDigest"].is_string(), share: None };
    match (params["wasm"].as_str(), digest(&params["uploadId"])?, params["url"].as_str()) {
        (Some(text), None, None) => {
            let tenant = identity.tenant.as_ref().map(|tenant| &tenant.id);
            let decoded = gateway.runtime().at_length(tenant, text.len(), || STANDARD.decode(text)).await;
            let wasm = decoded.map_err(|_| Problem::params("wasm is not base64"))?;
            Ok(Source { wasm, ..source })
        }
        (None, Some(upload), None) => {
            let share = share()?;
            let wasm = gateway.services().upload(target.tenant.clone(), upload).await;
            Ok(Source { wasm: wasm.map_err(|error| Problem::of_upload(error, request_id))?, share, ..source })
        }
        (None, None, Some(url)) => {
            let source = Source { share: share()?, ..source };
            fetch::fetch(gateway, identity, target, url, source).await
        }
        _ => Err(Problem::params(
            "say which component, in one way: its bytes as base64 in wasm, the uploadId of an upload, or a url",
        )),
    }
}

fn install(
    target: Target,
    identity: &Identity,
    params: &Value,
    source: Source,
) -> Result<(Install, Option<Share>), Problem> {
    let Source { wasm, signature, share, is_pinned: _ } = source;
    let text = |name: &str| params[name].as_str().map(str::to_owned);
    let install = Install {
        scope: target.scope,
        tenant: target.tenant,
        actor: identity.caller.actor.clone(),
        wasm: wasm.into(),
        family: text("family"),
        grants: texts(&params["grants"]),
        expect_digest: digest(&params["expectDigest"])?,
        signature,
        canary_percent: params["canaryPercent"].as_u64().and_then(|percent| u8::try_from(percent).ok()),
        based_on: None,
    };
    Ok((install, share))
}

fn digest(value: &Value) -> Result<Option<Digest>, Problem> {
    let digest = value.as_str().map(str::parse).transpose();
    digest.map_err(|error: openclaw_runtime::DigestError| Problem::params(error.to_string()))
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let texts = value.as_array()?.iter();
    Some(texts.filter_map(Value::as_str).map(str::to_owned).collect())
}
