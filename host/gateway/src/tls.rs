//! TLS of the listener: a certificate and its key from PEM files, read at the start and at each reload.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use openclaw_config::gateway::Tls as Files;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
    },
    server::TlsStream,
};

/// How long a client may take to agree on a key.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// Why `gateway.tls` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the files.
    #[error("gateway.tls.{key}: {path}: {error}")]
    File {
        /// `cert_file` or `key_file`.
        key: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why it is of no use.
        error: String,
    },
    /// Both are what they should be, and not for each other.
    #[error("gateway.tls: the certificate and the key cannot be used together: {0}")]
    Pair(rustls::Error),
}

/// A certificate with its key, ready to be served.
#[derive(Clone, Debug)]
pub struct Certificate(Arc<ServerConfig>);

impl Certificate {
    /// Reads both files. Blocks.
    pub fn read(files: &Files) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_file_iter(&files.cert_file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
            .map_err(|error| unusable("cert_file", &files.cert_file, "certificate", error))?;
        let key = PrivateKeyDer::from_pem_file(&files.key_file)
            .map_err(|error| unusable("key_file", &files.key_file, "private key", error))?;
        let settings = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Pair)?;
        let mut settings = settings.with_no_client_auth().with_single_cert(chain, key).map_err(TlsError::Pair)?;
        settings.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(settings)))
    }

    /// Agrees on a key with a client.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(self, stream: S) -> io::Result<TlsStream<S>> {
        let agreed = tokio::time::timeout(HANDSHAKE_TIME, TlsAcceptor::from(self.0).accept(stream)).await;
        agreed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn unusable(key: &'static str, path: &str, what: &str, error: pem::Error) -> TlsError {
    let error = match error {
        pem::Error::NoItemsFound => format!("no {what} in PEM form is in it"),
        pem::Error::Io(error) => error.to_string(),
        _ => format!("it is not in PEM form: {error}"),
    };
    TlsError::File { key, path: path.into(), error }
}
