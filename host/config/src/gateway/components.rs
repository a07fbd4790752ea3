//! `components`: the limits of a call, what a family may ask for, what is loaded.

use std::{collections::BTreeMap, net::IpAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// WebAssembly components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Components {
    /// The limits of one call.
    pub limits: CallLimits,
    /// What compiling may take.
    pub compile: CompileLimits,
    /// What a family is granted, besides what the built-in families have; by family. Each is an interface, such as
    /// `config`, or something narrower: `documents:<family>/<collection>` to read a collection of another family, with
    /// `:write` to change it too; `secret:<name>`, with `:reveal` to read it back; `method:<name>` to call one method
    /// of the same tenant; `memory-mb:<n>` for the memory of a call, up to `limits.memory_mb`; `http:<host>[:<port>]`
    /// for requests to one host, which may begin with `*.`; `model-usd-per-day:<usd>` for the most that its calls of
    /// models may cost each tenant of a day; `sticky:<n>` for so many instances that stay for a tenant's next calls.
    pub grants: BTreeMap<String, Vec<String>>,
    /// Groups of tenants, by name: a component can be installed for one of them.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Component files that are loaded at the start, over the built-in ones.
    pub load: Vec<String>,
    /// Whether tenants may install components of their own.
    pub self_service: bool,
    /// Whose results are validated against the method's schema.
    pub validate_results: ValidateResults,
    /// Public keys (minisign, the line of base64), one of which must have signed a component that is
    /// installed. Empty: a signature is not asked for.
    pub trusted_keys: Vec<String>,
    /// Requests that components make to the hosts that they are granted (`http:<host>`).
    pub http: OutboundHttp,
    /// An installed component is rolled back when so many of its calls fail in a row; 0: never.
    pub rollback_after: u32,
    /// Most families that are installed for one tenant: the code of those that were called stays in memory.
    #[schemars(range(max = 4096))]
    pub families_per_tenant: u32,
}

impl Default for Components {
    fn default() -> Self {
        Self {
            limits: CallLimits::default(),
            compile: CompileLimits::default(),
            grants: BTreeMap::new(),
            groups: BTreeMap::new(),
            load: Vec::new(),
            self_service: false,
            validate_results: ValidateResults::default(),
            trusted_keys: Vec::new(),
            http: OutboundHttp::default(),
            rollback_after: 5,
            families_per_tenant: 32,
        }
    }
}

/// What a component's request to a host elsewhere may take. It never gets more than its call has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OutboundHttp {
    /// Addresses of private networks to which a granted host may lead all the same.
    pub private_addresses: Vec<IpAddr>,
    /// Longest request, up to the end of its answer, in milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub timeout_ms: u64,
    /// Largest body of a request, and of an answer, in bytes.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub body_bytes: u64,
}

impl Default for OutboundHttp {
    fn default() -> Self {
        Self { private_addresses: Vec::new(), timeout_ms: 30_000, body_bytes: 8 * 1024 * 1024 }
    }
}

/// Whose results are validated. Params always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ValidateResults {
    /// Of components that did not come with the gateway; our own are validated by our tests.
    #[default]
    Foreign,
    /// Of all.
    All,
}

/// The limits of one call of a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CallLimits {
    /// Most linear memory, in MiB.
    #[schemars(range(min = 1, max = 4096))]
    pub memory_mb: u32,
    /// Most CPU time, in milliseconds; waiting for the host does not count.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub cpu_ms: u64,
    /// Longest call, in milliseconds, where the method names no time of its own.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub wall_ms: u64,
    /// The longest time that a method may name, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub max_wall_ms: u64,
    /// Most stack, in KiB.
    #[schemars(range(min = 64, max = 8192))]
    pub stack_kb: u32,
    /// Most elements of one table.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub table_elements: u32,
    /// Most core instances of one component.
    #[schemars(range(min = 1, max = 4096))]
    pub instances: u32,
    /// Most calls of the host.
    #[schemars(range(min = 1))]
    pub host_calls: u64,
    /// Most bytes that one call of the host carries from the guest.
    #[schemars(range(min = 1024))]
    pub host_call_bytes: u64,
    /// Largest result, in bytes.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub result_bytes: u64,
    /// Most log lines; the rest is dropped.
    pub log_lines: u32,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            memory_mb: 64,
            cpu_ms: 1000,
            wall_ms: 30_000,
            max_wall_ms: 3_600_000,
            stack_kb: 512,
            table_elements: 4096,
            instances: 8,
            host_calls: 10_000,
            host_call_bytes: 8 * 1024 * 1024,
            result_bytes: 8 * 1024 * 1024,
            log_lines: 200,
        }
    }
}

/// What compiling a component that a tenant brings may take, and how much compiled code is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompileLimits {
    /// Most CPU time for one component, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub cpu_seconds: u32,
    /// Most memory for one component, in MiB.
    #[schemars(range(min = 256, max = 65_536))]
    pub memory_mb: u32,
    /// Most compiled code on disk, in MiB: what was not used for the longest time goes first.
    #[schemars(range(min = 64, max = 1_048_576))]
    pub cache_mb: u32,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { cpu_seconds: 60, memory_mb: 2048, cache_mb: 2048 }
    }
}
