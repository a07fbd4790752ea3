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
use serde_json::json;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;

use super::{BYTES_MAX, CONNECT_TIME, Reach, TIME, guard::Guard, not_allowed};
use crate::error::{CliError, Kind};

/// What an address in a registry begins with.
pub(crate) const SCHEME: &str = "oci://";

const LAYER: &str = "application/wasm";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const SIGNATURE: &str = "io.openclaw.minisign";

/// Manifests, tokens and what TLS adds, beside the component.
const REST_BYTES: u64 = 4 << 20;
const READ_TIME: Duration = Duration::from_secs(60);

/// Who one is to a registry: a name and a password; nobody, where there is none.
pub(crate) type Login = Option<(String, String)>;

/// A component of a registry.
pub(crate) struct Image {
    pub(crate) wasm: Vec<u8>,
    /// The text of a `.minisig` file.
    pub(crate) signature: Option<String>,
}

/// Talks to one registry.
pub(crate) struct Registry {
    address: String,
    reference: Reference,
    login: RegistryAuth,
    client: Client,
    guard: Guard,
}

impl Registry {
    /// Of an address such as `oci://ghcr.io/acme/greeter:1.0.0`.
    pub(crate) async fn of(address: &str, login: Login, reach: Reach<'static>) -> Result<Self, CliError> {
        let wrong = |what: &dyn fmt::Display| {
            CliError::usage(format!("{address}: {what}")).hint("write it as oci://registry/name:tag")
        };
        let name = address.strip_prefix(SCHEME).ok_or_else(|| wrong(&"no address in a registry"))?;
        if !name.split_once('/').is_some_and(|(host, _)| host.contains(['.', ':']) || host == "localhost") {
            return Err(wrong(&"it names no registry"));
        }
        let reference: Reference = name.parse().map_err(|error| wrong(&error))?;
        // The library makes its TLS from the process's provider; another verb may have set the same.
        let _ = ring::default_provider().install_default();
        let guard = Guard::listen(reach, BYTES_MAX as u64 + REST_BYTES).await?;
        let client = Client::try_from(ClientConfig {
            https_proxy: Some(guard.url().to_owned()),
            http_proxy: Some(guard.url().to_owned()),
            connect_timeout: Some(CONNECT_TIME),
            read_timeout: Some(READ_TIME),
            platform_resolver: None,
            ..ClientConfig::default()
        });
        let client = client.map_err(|error| CliError::failed(format!("no client of a registry: {error}")))?;
        let login = login.map_or(RegistryAuth::Anonymous, |(name, password)| RegistryAuth::Basic(name, password));
        Ok(Self { address: address.to_owned(), reference, login, client, guard })
    }

    /// Fetches the component.
    pub(crate) async fn pull(&self) -> Result<Image, CliError> {
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
        self.within(pull).await?.ok_or_else(|| {
            CliError::failed(format!("{}: it is no component: one layer of the type {LAYER}", self.address))
        })
    }

    /// Puts a component there.
    pub(crate) async fn push(&self, image: Image, digest: &str) -> Result<(), CliError> {
        let config = json!({ "architecture": "wasm", "os": "wasip2", "layerDigests": [digest] });
        let config = Config::new(config.to_string().into_bytes(), CONFIG.to_owned(), None);
        let layers = [ImageLayer::new(image.wasm, LAYER.to_owned(), None)];
        let annotations = image.signature.map(|text| BTreeMap::from([(SIGNATURE.to_owned(), STANDARD.encode(text))]));
        let manifest = OciImageManifest::build(&layers, &config, annotations);
        self.within(self.client.push(&self.reference, &layers, config, &self.login, Some(manifest))).await?;
        Ok(())
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, OciDistributionError>>) -> Result<T, CliError> {
        let done = timeout(TIME, work).await.map_err(|_| {
            CliError::new(Kind::Unreachable, format!("{}: it takes more than {} s", self.address, TIME.as_secs()))
        })?;
        done.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &OciDistributionError) -> CliError {
        use OciDistributionError::{AuthenticationFailure, ImageManifestNotFoundError, ServerError, UnauthorizedError};
        if let Some(refusal) = self.guard.refused() {
            return not_allowed(&self.address, &refusal);
        }
        let (kind, message) = match error {
            ImageManifestNotFoundError(_) | ServerError { code: 404, .. } => {
                (Kind::NotFound, "there is no such component".to_owned())
            }
            AuthenticationFailure(_) | UnauthorizedError { .. } | ServerError { code: 401 | 403, .. } => {
                (Kind::Authentication, "the registry does not let you".to_owned())
            }
            error => (Kind::Unreachable, innermost(error)),
        };
        let error = CliError::new(kind, format!("{}: {message}", self.address));
        if kind == Kind::Authentication {
            return error.hint("say who you are with --username and --password-file");
        }
        error
    }
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
