//! What `sandbox.info` tells: which modes there are, how well each keeps its limits, and what a tenant gets.

use openclaw_config::gateway::Network;
use openclaw_sandbox::{Info, Mode, Root, Support};
use serde::Serialize;

use super::terms::{Floor, Most};
use crate::{call::CallState, error::CapabilityError};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    /// The configured one.
    mode: &'static str,
    modes: Vec<ToldMode>,
    /// The most that a workload of this tenant gets.
    limits: Most,
    /// Workloads of this tenant at once.
    concurrent: u32,
    network: &'static str,
    read_only: bool,
    strict: bool,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldMode {
    mode: &'static str,
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// What system workloads see.
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Support>,
    notes: Vec<String>,
}

impl CallState {
    /// The modes that this call may use, and its tenant's limits; JSON.
    pub(crate) async fn describe_sandbox(&mut self) -> Result<Vec<u8>, CapabilityError> {
        let record = self.tenant()?.clone();
        let config = self.services.sandboxes.config();
        let limits = self.most_of_workloads(&config, &record)?;
        let floor = Floor::of(&config, &self.config()?.config, "");
        let mut modes = Vec::new();
        for mode in [Mode::Bwrap, Mode::Docker] {
            // Those that nobody gets are not opened for being looked at.
            if mode >= floor.mode && self.grants.allow_sandbox(mode.into()) {
                modes.push(match self.services.backend(mode, &config).await {
                    Ok(backend) => ToldMode::of(backend.info()),
                    Err(_) => ToldMode { mode: mode.as_str(), ..ToldMode::default() },
                });
            }
        }
        let told = Told {
            mode: floor.mode.as_str(),
            modes,
            limits,
            concurrent: config.concurrent_per_tenant,
            network: match config.network {
                Network::None => "none",
                Network::Allowlist => "allowlist",
            },
            read_only: config.read_only,
            strict: config.strict,
        };
        serde_json::to_vec(&told).map_err(CapabilityError::internal)
    }
}

impl ToldMode {
    fn of(info: Info) -> Self {
        let system = match info.root {
            Root::Tree(digest) => format!("tree:{digest}"),
            Root::HostUsr => "host-usr".to_owned(),
            Root::Image(name) => format!("image:{name}"),
        };
        Self {
            mode: info.mode.as_str(),
            available: true,
            version: Some(info.version),
            system: Some(system),
            limits: Some(info.limits),
            notes: info.notes,
        }
    }
}
