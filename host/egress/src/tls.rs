//! TLS to a host elsewhere, whose certificate must be one that this machine trusts.

use std::{io, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Trusts whom this machine trusts, which must be somebody.
pub fn settings() -> io::Result<ClientConfig> {
    let (roots, reason) = trusted();
    if roots.is_empty() {
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        return Err(io::Error::other(format!("this machine trusts no certificate authority{reason}")));
    }
    trusting(roots)
}

/// The same on a machine that may trust nobody, for whoever connects without TLS too.
pub fn settings_if_any() -> io::Result<ClientConfig> {
    trusting(trusted().0)
}

/// Whom this machine trusts, and what could not be read.
fn trusted() -> (RootCertStore, Option<String>) {
    let trusted = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted.certs);
    (roots, trusted.errors.first().map(ToString::to_string))
}

fn trusting(roots: RootCertStore) -> io::Result<ClientConfig> {
    let settings = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(settings.with_root_certificates(roots).with_no_client_auth())
}
