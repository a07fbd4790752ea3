//! `gateway`: the listener, who may reach it, and the limits of one request.

use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The listener, its protection and the limits of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Gateway {
    /// Address and port to listen on. Anything but a loopback address needs `tls` or
    /// `allow_plaintext_remote`.
    pub listen: SocketAddr,
    /// The operator's token. Without one, a token is made at the first start and kept in
    /// `control-plane.token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_plane_token: Option<Secret>,
    /// Serve TLS with this certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Web origins that may call from a browser, besides the gateway's own; `https://host[:port]`.
    pub allowed_origins: Vec<String>,
    /// Host names that a request may ask for, besides loopback names and the listen address.
    pub allowed_hosts: Vec<String>,
    /// Listen without TLS beyond loopback (behind a proxy that terminates TLS).
    pub allow_plaintext_remote: bool,
    /// The limits of one request and of one tenant's requests.
    pub limits: RequestLimits,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 18_789)),
            control_plane_token: None,
            tls: None,
            allowed_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            allow_plaintext_remote: false,
            limits: RequestLimits::default(),
        }
    }
}

/// A certificate and its key, PEM files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate chain.
    pub cert_file: String,
    /// Its private key.
    pub key_file: String,
}

/// The limits of one request and of one tenant's requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RequestLimits {
    /// Largest request body, in bytes: a tenant has 64 MiB under way at most.
    #[schemars(range(min = 1024, max = 67_108_864))]
    pub body_bytes: u64,
    /// Most calls in one JSON-RPC batch.
    #[schemars(range(min = 1, max = 10_000))]
    pub batch: u32,
    /// Deepest nesting of a request's JSON.
    #[schemars(range(min = 4, max = 256))]
    pub depth: u32,
    /// Calls of one tenant that run at a time.
    #[schemars(range(min = 1, max = 65_536))]
    pub concurrent_per_tenant: u32,
    /// Calls of one tenant that wait for their turn; one more is refused with 503.
    #[schemars(range(max = 1_048_576))]
    pub queued_per_tenant: u32,
    /// Longest wait for a turn, in milliseconds; then 503.
    #[schemars(range(min = 1, max = 600_000))]
    pub queue_wait_ms: u64,
    /// How long the body of a request may take to come, in seconds; of an upload, each part of it.
    #[schemars(range(min = 1, max = 86_400))]
    pub request_seconds: u64,
    /// Most connections at a time; fewer where the process may open fewer files.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub connections: u32,
    /// Most connections from one address, those of this machine apart.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub connections_per_address: u32,
    /// How long a client may leave a reply unread, in seconds; then its connection is closed.
    #[schemars(range(min = 1, max = 3600))]
    pub send_seconds: u64,
    /// How often a WebSocket is asked whether its peer is there, in seconds. One from which nothing came for
    /// two and a half times as long is closed.
    #[schemars(range(min = 1, max = 3600))]
    pub ping_seconds: u64,
    /// What tenants' writes leave free of the gateway's disk, in MiB; they are refused (UNAVAILABLE) where it is less.
    #[schemars(range(max = 1_048_576))]
    pub free_disk_mb: u64,
    /// How failed authentication is slowed down, per client address.
    pub failed_auth: FailedAuth,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            body_bytes: 8 * 1024 * 1024,
            batch: 50,
            depth: 64,
            concurrent_per_tenant: 32,
            queued_per_tenant: 1024,
            queue_wait_ms: 10_000,
            request_seconds: 60,
            connections: 16_384,
            connections_per_address: 1024,
            send_seconds: 30,
            ping_seconds: 30,
            free_disk_mb: 256,
            failed_auth: FailedAuth::default(),
        }
    }
}

/// After so many failures in the window, an address is refused further ones for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FailedAuth {
    /// Failures that are let pass.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub attempts: u32,
    /// The window in which they are counted, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub window_seconds: u64,
    /// How long that goes on, in seconds. A valid token passes all the while.
    #[schemars(range(min = 1, max = 86_400))]
    pub block_seconds: u64,
    /// Whether addresses of this machine may fail as often as they like.
    pub exempt_loopback: bool,
}

impl Default for FailedAuth {
    fn default() -> Self {
        Self { attempts: 10, window_seconds: 60, block_seconds: 300, exempt_loopback: true }
    }
}
