//! Fetches components, by HTTPS or from an OCI registry, within bounds: of their size, of time, of redirects.
//!
//! Somebody else chooses the address: whoever hands a URL to the operator, or a tenant. So what is fetched comes from
//! the public internet, or from where the operator says: an address must not make this machine ask its neighbours, or
//! its cloud's metadata. Each is checked where it is connected to, so no name that leads elsewhere the second time and
//! no redirect gets around it. What comes is not believed to be what its address says: that is the caller's to check.

#![forbid(unsafe_code)]

mod guard;
mod https;
mod oci;

use std::{net::IpAddr, sync::Arc, time::Duration};

use openclaw_egress::{Reach, Resolver};

pub use oci::{Image, Login, Registry};

/// The largest component that a gateway looks at.
const BYTES_MAX: usize = 64 << 20;

const CONNECT_TIME: Duration = Duration::from_secs(10);

/// What an address in a registry begins with.
pub const OCI: &str = "oci://";

/// Which addresses may be connected to.
#[derive(Clone, Debug)]
pub enum Allowed {
    /// Those out in the world, and others that the operator vouches for.
    Public(Arc<[IpAddr]>),
    /// The operator's own networks too.
    Anywhere,
}

/// Who fetches, how far and how long.
#[derive(Clone, Debug)]
pub struct Fetcher {
    resolver: Resolver,
    allowed: Allowed,
    time: Duration,
}

impl Fetcher {
    /// For a tenant, whose share of look-ups it is; for the operator by an empty name.
    #[must_use]
    pub fn of(tenant: &str, allowed: Allowed, time: Duration) -> Self {
        Self { resolver: Resolver::of(tenant), allowed, time }
    }

    fn reach(&self) -> Reach<'_> {
        match &self.allowed {
            Allowed::Public(private) => Reach::Public(private),
            Allowed::Anywhere => Reach::Anywhere,
        }
    }

    /// Fetches the file of a URL.
    pub async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        https::get(self, url).await
    }

    /// Talks to the registry of an address such as `oci://ghcr.io/acme/greeter:1.0.0`.
    pub async fn registry(&self, address: &str, login: Login) -> Result<Registry, FetchError> {
        Registry::of(self, address, login).await
    }
}

/// Why something was not fetched, or not sent.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is no address that anything is fetched from.
    #[error("{address}: {reason}")]
    Address { address: String, reason: String },
    #[error("{address}: {refusal}")]
    Refused { address: String, refusal: Refusal },
    #[error("{address}: there is no such {what}")]
    NotFound { address: String, what: &'static str },
    /// Something else came than was asked for.
    #[error("{address}: {reason}")]
    Answered { address: String, reason: String },
    #[error("{0}: the registry does not let you")]
    Login(String),
    #[error("{address} cannot be fetched: {reason}")]
    Unreachable { address: String, reason: String },
    /// This machine cannot fetch anything.
    #[error("{0}")]
    Here(String),
}

/// Why an address is not asked, or not to the end.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{0} leads to a private, local or reserved address")]
    PrivateAddress(String),
    #[error("it is redirected to {0}, which is no HTTPS URL")]
    Insecure(String),
    #[error("it is redirected more than {} times", https::REDIRECTS)]
    Redirects,
    #[error("it is larger than {BYTES_MAX} bytes")]
    TooLarge,
}

impl FetchError {
    fn refused(address: impl ToString, refusal: Refusal) -> Self {
        Self::Refused { address: address.to_string(), refusal }
    }
}
