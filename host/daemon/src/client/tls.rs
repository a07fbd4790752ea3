//! TLS to a host elsewhere, whose certificate must be one that this machine trusts.

use std::{io, sync::Arc};

use openclaw_egress::tls::settings;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{CertificateError, Error, pki_types::ServerName},
};

/// Agrees on a key with the host of this name.
pub(super) async fn connect(name: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(settings()?)).connect(name, stream).await
}

/// What whoever met this failure can do.
pub(super) fn advice(error: &io::Error) -> &'static str {
    let reason = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match reason {
        Some(Error::InvalidMessage(_)) => "it may not speak TLS: try http:// instead of https://",
        Some(Error::InvalidCertificate(CertificateError::Other(_))) => {
            "a certificate of its own must be made as none of an authority: \
             `openssl req -x509 … -addext basicConstraints=critical,CA:FALSE`"
        }
        _ => {
            "the certificate must be for the host of the URL and signed by an authority that this machine trusts; \
             SSL_CERT_FILE names another file of authorities"
        }
    }
}
