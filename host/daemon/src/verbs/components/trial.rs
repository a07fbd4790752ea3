//! A gateway on a throw-away directory with one component and one tenant.

use std::sync::Arc;

use openclaw_config::gateway::{CallLimits, Components};
use openclaw_config::store::Overrides;
use openclaw_gateway::{Gateway, GatewaySettings, Identity, OpenError};
use openclaw_runtime::{CostLog, Limits, LoadError, Scope};
use openclaw_tenancy::{HolderKind, Home};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::file::ComponentFile;
use crate::error::CliError;

/// The one tenant there is.
const TENANT: &str = "trial";

/// The component runs in it as it will in production: same engine, same limits, same checks.
pub(super) struct Trial {
    gateway: Arc<Gateway>,
    _directory: TempDir,
}

/// A gateway with the component in it, and everything granted that it asks for.
pub(super) async fn open(file: &ComponentFile, costs: Option<Arc<CostLog>>) -> Result<Trial, CliError> {
    let refused = |reason: String| {
        CliError::failed(format!("{} is refused: {reason}", file.path.display()))
            .hint("`openclaw components check FILE` says more")
    };
    let manifest = file.manifest(&limits()).await.map_err(|error| refused(error.to_string()))?;
    let grants = file.grants(&manifest);
    if let Some(reason) = file.ungrantable(&grants) {
        return Err(refused(reason));
    }
    Trial::open(file, manifest.family.as_str(), grants, costs).await?.map_err(|error| refused(error.to_string()))
}

/// The limits of a trial, which are those of a gateway that is not told otherwise.
pub(super) fn limits() -> Limits {
    Limits::from(&CallLimits::default())
}

pub(super) fn limits_json(limits: &Limits) -> Value {
    json!({
        "cpuMicros": limits.cpu.as_micros() as u64,
        "memoryBytes": limits.memory_bytes,
        "hostCalls": limits.host_calls,
        "hostCallBytes": limits.host_call_bytes,
        "resultBytes": limits.result_bytes,
        "logLines": limits.log_lines,
    })
}

impl Trial {
    /// Loads the component as one of the operator's, with these grants; why it was refused is an error of its own.
    /// Where there are `costs`, its calls write what they took to them.
    pub(super) async fn open(
        file: &ComponentFile,
        family: &str,
        grants: Vec<String>,
        costs: Option<Arc<CostLog>>,
    ) -> Result<Result<Self, LoadError>, CliError> {
        let directory = tempfile::tempdir()?;
        let home = Home::open(directory.path())?;
        let lock = home.lock(HolderKind::Command)?;
        let mut loaded = openclaw_config::load(None, Vec::new(), &[])?;
        loaded.config.components = Components {
            load: vec![file.path.display().to_string()],
            grants: [(family.to_owned(), grants)].into(),
            ..Components::default()
        };
        let settings = GatewaySettings {
            home,
            lock,
            loaded,
            overrides: Overrides::default(),
            builtin: Vec::new(),
            costs,
            compiler: None,
        };
        let gateway = match Gateway::open(settings).await {
            Ok(gateway) => gateway,
            Err(OpenError::Component(refusal)) => return Ok(Err(refusal.error)),
            Err(error) => return Err(error.into()),
        };
        let trial = Self { gateway, _directory: directory };
        trial.reply(&Identity::operator(None), "tenants.create", &json!({ "tenantId": TENANT })).await?;
        Ok(Ok(trial))
    }

    /// Calls a method for the tenant; answers the reply as a client would read it.
    pub(super) async fn call(&self, method: &str, params: &Value, scopes: &[Scope]) -> Result<Value, CliError> {
        let mut identity = Identity::operator(Some(TENANT.into()));
        identity.caller.scopes = scopes.into();
        self.reply(&identity, method, params).await
    }

    #[allow(clippy::disallowed_methods, reason = "written by the gateway in this process")]
    async fn reply(&self, identity: &Identity, method: &str, params: &Value) -> Result<Value, CliError> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let reply = self.gateway.rpc(identity, request.to_string().as_bytes(), &"trial".into()).await;
        let body = reply.body.unwrap_or_default();
        serde_json::from_str(&body)
            .map_err(|error| CliError::failed(format!("{method}: its reply is no JSON: {error}")))
    }

    /// Writes what is left to write, and takes the directory away.
    pub(super) async fn close(self) {
        self.gateway.close().await;
    }
}
