//! A component that `components.install` is told the address of: fetched by the gateway itself.
//!
//! The address is a tenant's to choose, and the gateway stands where the tenant does not: a tenant's fetch reaches
//! public addresses alone, the operator's those too that `components.http.private_addresses` lists. Which file is
//! meant is said by its digest or, where keys are trusted, by who signed it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use openclaw_fetch::{Allowed, FetchError, Fetcher, OCI};
use openclaw_tenancy::{AuditEvent, TenantId};
use serde_json::json;

use super::{Source, Target};
use crate::{Gateway, auth::Identity, reply::Problem};

/// For all of it. Whoever installs waits.
const TIME: Duration = Duration::from_secs(60);

/// The bytes behind an address, with the signature that was published beside them where one is asked for.
pub(super) async fn fetch(
    gateway: &Gateway,
    identity: &Identity,
    target: &Target,
    url: &str,
    source: Source,
) -> Result<Source, Problem> {
    let wants_signature = gateway.runtime().plugins().wants_signature();
    if !source.is_pinned && !wants_signature {
        let message = "what is fetched takes expectDigest, or components.trusted_keys, which ask for a signature";
        return Err(Problem::params(message));
    }
    let tenant = target.tenant.as_ref().map(|tenant| &tenant.id);
    let fetcher = Fetcher::of(tenant.map_or("", TenantId::as_str), allowed(gateway, identity), TIME);
    let wants = wants_signature && source.signature.is_none();
    let fetched = tokio::time::timeout(TIME, get(&fetcher, url, wants)).await.unwrap_or_else(|_| {
        let reason = format!("it takes more than {} s", TIME.as_secs());
        Err(FetchError::Unreachable { address: url.to_owned(), reason })
    });
    write_down(gateway, identity, tenant, url, &fetched).await?;
    let (wasm, signature) = fetched.map_err(Problem::of_fetch)?;
    Ok(Source { wasm, signature: source.signature.or(signature), ..source })
}

fn allowed(gateway: &Gateway, identity: &Identity) -> Allowed {
    let private: Arc<[IpAddr]> = match identity.caller.is_operator() {
        true => gateway.config().components.http.private_addresses.as_slice().into(),
        false => [].into(),
    };
    Allowed::Public(private)
}

async fn get(fetcher: &Fetcher, url: &str, wants_signature: bool) -> Result<(Vec<u8>, Option<String>), FetchError> {
    if url.starts_with(OCI) {
        let image = fetcher.registry(url, None).await?.pull().await?;
        return Ok((image.wasm, image.signature));
    }
    let wasm = fetcher.get(url).await?;
    let signature = match wants_signature {
        true => Some(String::from_utf8_lossy(&fetcher.get(&format!("{url}.minisig")).await?).into_owned()),
        false => None,
    };
    Ok((wasm, signature))
}

/// Whoever was asked on somebody's word is in the audit log, by host and port.
async fn write_down(
    gateway: &Gateway,
    identity: &Identity,
    tenant: Option<&TenantId>,
    url: &str,
    fetched: &Result<(Vec<u8>, Option<String>), FetchError>,
) -> Result<(), Problem> {
    let failed = match fetched {
        Ok(_) => None,
        // Nobody was asked, and there is no end of addresses.
        Err(FetchError::Address { .. } | FetchError::Refused { .. } | FetchError::Here(_)) => return Ok(()),
        Err(FetchError::NotFound { .. }) => Some("it is not there"),
        Err(FetchError::Answered { .. } | FetchError::Login(_)) => Some("it answered otherwise"),
        Err(FetchError::Unreachable { .. }) => Some("it could not be reached"),
    };
    let event = AuditEvent {
        actor: identity.caller.actor.clone(),
        tenant: tenant.cloned(),
        action: "components.fetch",
        detail: json!({ "host": authority(url), "failed": failed }),
    };
    let audit = gateway.services().audit.clone();
    let written = tokio::task::spawn_blocking(move || audit.append(event)).await;
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Problem::internal(error)),
        Err(error) => Err(Problem::internal(error)),
    }
}

/// Host and port of an address, as it is written.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::authority;

    #[test]
    fn no_path_is_written_down() {
        assert_eq!(authority("https://example.com:8443/a/b.wasm?token=x"), "example.com:8443");
        assert_eq!(authority("oci://ghcr.io/acme/greeter:1.0.0"), "ghcr.io");
        assert_eq!(authority("https://example.com?x"), "example.com");
    }
}
