//! Requests to providers: one client for all of them, which follows no redirection and uses no proxy, so that a key
//! goes where the configuration says and nowhere else.

use std::io;
use std::time::Duration;

use openclaw_config::json;
use openclaw_egress::tls;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::catalog::{Address, Provider};
use crate::credential::{Credential, CredentialError, CredentialSource};
use crate::error::ProviderError;

/// Until a connection is there.
const CONNECT: Duration = Duration::from_secs(10);

/// Tries, where no connection is made. What was sent is never sent again.
const TRIES: u32 = 3;

/// The first pause between two tries; the next is twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// Most bytes of an error's body that are read.
const ERROR_BYTES: usize = 64 * 1024;

/// Most characters of an error that are told.
const TOLD: usize = 1_000;

/// The client of all providers. It is made when the first of them is called: to read whom this machine trusts takes
/// longer than a start may.
#[derive(Debug, Default)]
pub(crate) struct SharedClient(OnceCell<Client>);

impl SharedClient {
    async fn get(&self) -> Result<&Client, io::Error> {
        let make = async || tokio::task::spawn_blocking(client).await.map_err(io::Error::other).flatten();
        self.0.get_or_try_init(make).await
    }
}

fn client() -> Result<Client, io::Error> {
    Client::builder()
        // A machine that trusts nobody still reaches models of its own by http.
        .tls_backend_preconfigured(tls::settings_if_any()?)
        // A proxy of the environment's would get the key of whoever is reached by http.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .user_agent(concat!("openclaw/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(io::Error::other)
}

/// How a provider wants its key.
#[derive(Clone)]
pub(crate) enum KeyHeader {
    Bearer,
    Named(HeaderName),
}

/// One request, as it goes out.
pub(crate) struct Outgoing<'r> {
    pub(crate) provider: &'r Provider,
    pub(crate) address: &'r Address,
    pub(crate) path: &'r str,
    pub(crate) key: &'r KeyHeader,
    pub(crate) headers: &'r [(&'static str, &'static str)],
    pub(crate) body: Vec<u8>,
    /// Makes the pauses of two callers different.
    pub(crate) jitter: u64,
}

/// Sends it and waits for the head of a good answer.
pub(crate) async fn post(client: &SharedClient, outgoing: Outgoing<'_>) -> Result<Response, ProviderError> {
    let Outgoing { provider, address, path, body, .. } = &outgoing;
    let key = read_key(provider, address).await?;
    let client = client
        .get()
        .await
        .map_err(|error| ProviderError::Unreachable { provider: provider.id.clone(), detail: error.to_string() })?;
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in outgoing.headers {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    if let Some(key) = &key {
        let (name, value) = match outgoing.key {
            KeyHeader::Bearer => (HeaderName::from_static("authorization"), format!("Bearer {}", key.expose())),
            KeyHeader::Named(name) => (name.clone(), key.expose().to_owned()),
        };
        if let Ok(mut value) = HeaderValue::try_from(value) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    let url = format!("{}{path}", address.base_url);
    let mut tries = 1;
    let response = loop {
        let request = client.post(&url).headers(headers.clone()).body(body.clone());
        match request.send().await {
            Ok(response) => break response,
            Err(error) if error.is_connect() && tries < TRIES => {
                tokio::time::sleep(pause(tries, outgoing.jitter)).await;
                tries += 1;
            }
            Err(error) => return Err(failed(provider, &error)),
        }
    };
    if response.status().is_success() { Ok(response) } else { Err(refused(provider, response, key.as_ref()).await) }
}

/// Doubles with each try; between a half of it and all of it.
fn pause(tries: u32, jitter: u64) -> Duration {
    let most = PAUSE * 2_u32.saturating_pow(tries - 1);
    let part = u32::try_from(jitter.rotate_left(tries * 16) % 1_000).unwrap_or_default();
    most / 2 + most / 2 * part / 1_000
}

async fn read_key(provider: &Provider, address: &Address) -> Result<Option<Credential>, ProviderError> {
    let missing = |detail: String| ProviderError::NoKey { provider: provider.id.clone(), detail };
    let Some(source) = address.key.clone() else { return Ok(None) };
    let read = match source {
        // A file is read anew, off the threads of calls: a rotated key is found.
        CredentialSource::File(_) => tokio::task::spawn_blocking(move || source.read()).await,
        _ => Ok(source.read()),
    };
    match read {
        Ok(key) => key.map(Some).map_err(|error: CredentialError| missing(error.to_string())),
        Err(error) => Err(missing(error.to_string())),
    }
}

/// Of an error of the connection. Its own text holds the address, which is the operator's.
pub(crate) fn failed(provider: &Provider, error: &reqwest::Error) -> ProviderError {
    let provider = provider.id.clone();
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let detail = cause.to_string();
    if error.is_connect() {
        return ProviderError::Unreachable { provider, detail };
    }
    ProviderError::Broken { provider, detail }
}

/// Of an answer that is an error.
async fn refused(provider: &Provider, response: Response, key: Option<&Credential>) -> ProviderError {
    let status = response.status().as_u16();
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let text = read_error(response).await;
    // A provider that repeats the key it was sent must not have it repeated by us.
    let text = key.map_or_else(|| text.clone(), |key| text.replace(key.expose(), "[redacted]"));
    let told = json::read(text.as_bytes(), json::DEPTH_MAX).ok().and_then(|body| message(&body));
    // What it says of its account with the operator is not for a tenant.
    let about_the_account = matches!(status, 401..=403 | 407);
    ProviderError::Refused {
        provider: provider.id.clone(),
        status,
        message: told.clone().filter(|_| !about_the_account),
        retry_after: seconds.map(Duration::from_secs),
        detail: if about_the_account { String::new() } else { told.unwrap_or_else(|| cut(&text)) },
    }
}

async fn read_error(mut response: Response) -> String {
    let mut bytes = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk[..chunk.len().min(ERROR_BYTES - bytes.len())]);
            if bytes.len() >= ERROR_BYTES {
                break;
            }
        }
    };
    // What it has to say must come soon.
    let _ = tokio::time::timeout(CONNECT, read).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The message of an error body: `{"error": {"message": …}}`, or some simpler form of it.
fn message(body: &Value) -> Option<String> {
    let error = &body["error"];
    let text = error["message"].as_str().or_else(|| error.as_str()).or_else(|| body["message"].as_str())?;
    Some(cut(text))
}

fn cut(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(TOLD).collect()
}
