//! TLS to a host elsewhere, whose certificate must be one that this machine trusts.

use std::{io, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Trusts whom this machine trusts.
pub fn settings() -> io::Result<ClientConfig> {
    let trusted = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted.certs);
    if roots.is_empty() {
        let reason = trusted.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(io::Error::other(format!("this machine trusts no certificate authority{reason}")));
    }
    let settings = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(settings.with_root_certificates(roots).with_no_client_auth())
}
