//! Components in an OCI registry: one layer of `application/wasm`, whose digest is the component's own.
//! Its signature is an annotation of the manifest, in base64: it has lines.

use std::{collections::BTreeMap, fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use oci_client::{
    Client, Reference,
    client::{ClientConfig, Config, ImageLayer},
    errors::OciDistributionError,
    manifest::OciImageManifest,
    secrets::RegistryAuth,
};
use rustls::crypto::ring;
use serde_json::json;
use tokio::time::timeout;

use crate::{BYTES_MAX, CONNECT_TIME, FetchError, Fetcher, OCI, guard::Guard};

const LAYER: &str = "application/wasm";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const SIGNATURE: &str = "io.openclaw.minisign";

/// Manifests, tokens and what TLS adds, beside the component.
const REST_BYTES: u64 = 4 << 20;
const READ_TIME: Duration = Duration::from_secs(60);

/// Who one is to a registry: a name and a password; nobody, where there is none.
pub type Login = Option<(String, String)>;

/// A component of a registry.
pub struct Image {
    pub wasm: Vec<u8>,
    /// The text of a `.minisig` file.
    pub signature: Option<String>,
}

/// Talks to one registry.
pub struct Registry {
    address: String,
    reference: Reference,
    login: RegistryAuth,
    client: Client,
    guard: Guard,
    time: Duration,
}

impl Registry {
    pub(crate) async fn of(fetcher: &Fetcher, address: &str, login: Login) -> Result<Self, FetchError> {
        let wrong = |what: &dyn fmt::Display| FetchError::Address {
            address: address.to_owned(),
            reason: format!("{what}; it reads oci://registry/name:tag"),
        };
        let name = address.strip_prefix(OCI).ok_or_else(|| wrong(&"no address in a registry"))?;
        if !name.split_once('/').is_some_and(|(host, _)| host.contains(['.', ':']) || host == "localhost") {
            return Err(wrong(&"it names no registry"));
        }
        let reference: Reference = name.parse().map_err(|error| wrong(&error))?;
        // The library makes its TLS from the process's provider; somebody may have set the same.
        let _ = ring::default_provider().install_default();
        let guard = Guard::listen(fetcher.clone(), BYTES_MAX as u64 + REST_BYTES).await;
        let guard = guard.map_err(|error| here(&error))?;
        let config = ClientConfig {
            https_proxy: Some(guard.url().to_owned()),
            http_proxy: Some(guard.url().to_owned()),
            connect_timeout: Some(CONNECT_TIME),
            read_timeout: Some(READ_TIME),
            platform_resolver: None,
            ..ClientConfig::default()
        };
        // Whom this machine trusts is read from files.
        let client = tokio::task::spawn_blocking(move || Client::try_from(config)).await;
        let client = client.map_err(|error| here(&error))?.map_err(|error| here(&error))?;
        let login = login.map_or(RegistryAuth::Anonymous, |(name, password)| RegistryAuth::Basic(name, password));
        Ok(Self { address: address.to_owned(), reference, login, client, guard, time: fetcher.time })
    }

    /// Fetches the component.
    pub async fn pull(&self) -> Result<Image, FetchError> {
        let pull = async {
            let (manifest, _) = self.client.pull_image_manifest(&self.reference, &self.login).await?;
            let [layer] = manifest.layers.as_slice() else { return Ok(None) };
            if layer.media_type != LAYER {
                return Ok(None);
            }
            let mut wasm = Vec::new();
            self.client.pull_blob(&self.reference, layer, &mut wasm).await?;
            let signature = manifest.annotations.and_then(|annotations| decoded(annotations.get(SIGNATURE)?));
            Ok(Some(Image { wasm, signature }))
        };
        self.within(pull).await?.ok_or_else(|| FetchError::Answered {
            address: self.address.clone(),
            reason: format!("it is no component: one layer of the type {LAYER}"),
        })
    }

    /// Puts a component there.
    pub async fn push(&self, image: Image, digest: &str) -> Result<(), FetchError> {
        let config = json!({ "architecture": "wasm", "os": "wasip2", "layerDigests": [digest] });
        let config = Config::new(config.to_string().into_bytes(), CONFIG.to_owned(), None);
        let layers = [ImageLayer::new(image.wasm, LAYER.to_owned(), None)];
        let annotations = image.signature.map(|text| BTreeMap::from([(SIGNATURE.to_owned(), STANDARD.encode(text))]));
        let manifest = OciImageManifest::build(&layers, &config, annotations);
        self.within(self.client.push(&self.reference, &layers, config, &self.login, Some(manifest))).await?;
        Ok(())
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, OciDistributionError>>) -> Result<T, FetchError> {
        let done = timeout(self.time, work).await.map_err(|_| FetchError::Unreachable {
            address: self.address.clone(),
            reason: format!("it takes more than {} s", self.time.as_secs()),
        })?;
        done.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &OciDistributionError) -> FetchError {
        use OciDistributionError::{AuthenticationFailure, ImageManifestNotFoundError, ServerError, UnauthorizedError};
        let address = self.address.clone();
        if let Some(refusal) = self.guard.refused() {
            return FetchError::Refused { address, refusal };
        }
        match error {
            ImageManifestNotFoundError(_) | ServerError { code: 404, .. } => {
                FetchError::NotFound { address, what: "component" }
            }
            AuthenticationFailure(_) | UnauthorizedError { .. } | ServerError { code: 401 | 403, .. } => {
                FetchError::Login(address)
            }
            error => FetchError::Unreachable { address, reason: innermost(error) },
        }
    }
}

fn here(error: &dyn fmt::Display) -> FetchError {
    FetchError::Here(format!("no client of a registry: {error}"))
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
