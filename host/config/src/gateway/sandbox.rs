//! `sandbox`: how the workloads of tenants are confined.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the workloads of tenants are confined. The five limits are the most that a tenant gets; an
/// overlay may lower them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sandbox {
    /// What confines them.
    pub mode: SandboxMode,
    /// The image of the Docker mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The OCI runtime of the Docker mode, such as `runsc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Most memory, in MiB.
    #[schemars(range(min = 16, max = 1_048_576))]
    pub memory_limit_mb: u64,
    /// Most CPU, in cores.
    #[schemars(range(min = 0.01, max = 1024.0))]
    pub cpu_quota: f64,
    /// Most processes and threads.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub pids: u64,
    /// Longest run, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub wall_seconds: u64,
    /// Most output that is kept of a run, in bytes.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub output_bytes: u64,
    /// What a workload may reach.
    pub network: Network,
    /// `host:port` pairs that `network: allowlist` lets pass.
    pub allow: Vec<String>,
    /// Mount the workspace read-only.
    pub read_only: bool,
    /// Refuse workloads where a limit is not enforced for the workload as a whole.
    pub strict: bool,
    /// Debian packages of this machine that workloads see besides the basic ones, such as python3 and git.
    pub extra_packages: Vec<String>,
    /// Most workloads of one tenant at once.
    #[schemars(range(min = 1, max = 1024))]
    pub concurrent_per_tenant: u32,
    /// Most terminals of one tenant.
    #[schemars(range(min = 1, max = 1024))]
    pub terminals_per_tenant: u32,
    /// A terminal in which nothing happens for so long is ended, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub terminal_idle_seconds: u64,
    /// Sandboxes of the bwrap mode that are kept ready, of all tenants together.
    #[schemars(range(max = 1024))]
    pub pool: u32,
    /// Containers of the Docker mode that are kept ready, of all tenants together: each for a tenant whose workload has
    /// ended, for a minute.
    #[schemars(range(max = 1024))]
    pub docker_pool: u32,
    /// Where the Docker Engine listens.
    pub docker_socket: String,
    /// The path of an own seccomp profile, JSON in the OCI form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seccomp_profile: Option<String>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            mode: SandboxMode::Bwrap,
            image: None,
            runtime: None,
            memory_limit_mb: 512,
            cpu_quota: 1.0,
            pids: 128,
            wall_seconds: 300,
            output_bytes: 1024 * 1024,
            network: Network::None,
            allow: Vec::new(),
            read_only: false,
            strict: false,
            extra_packages: Vec::new(),
            concurrent_per_tenant: 8,
            terminals_per_tenant: 4,
            terminal_idle_seconds: 1800,
            pool: 4,
            docker_pool: 2,
            docker_socket: "/var/run/docker.sock".to_owned(),
            seccomp_profile: None,
        }
    }
}

/// What confines a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SandboxMode {
    /// bubblewrap: namespaces and seccomp.
    Bwrap,
    Docker,
}

/// What a workload may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    None,
    /// The pairs in `allow`, through a proxy.
    Allowlist,
}
