//! Fetches a file for a verb, by HTTPS alone or from a registry (`oci`), and within bounds: of its size, of time, of redirects.
//!
//! The file comes from the public internet, or the operator says that it need not: a URL that somebody hands on must not
//! make this machine ask its neighbours, or its cloud's metadata. Each address is checked where it is connected to, so no
//! name that leads elsewhere the second time and no redirect gets around it.

mod guard;
pub(crate) mod oci;

use std::{error::Error, fmt, sync::Arc, time::Duration};

pub(crate) use openclaw_egress::Reach;
use openclaw_egress::tls;
use reqwest::{
    Client, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::{Attempt, Policy},
};

use crate::error::{CliError, Kind};

/// The largest component that a gateway looks at.
const BYTES_MAX: usize = 64 << 20;
const CONNECT_TIME: Duration = Duration::from_secs(10);
const TIME: Duration = Duration::from_secs(300);
const REDIRECTS: usize = 5;

/// The public addresses alone, where the operator says nothing else.
pub(crate) const PUBLIC: Reach<'static> = Reach::Public(&[]);

/// Why an address is not asked.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0} leads to a private, local or reserved address")]
    PrivateAddress(String),
    #[error("it is redirected to {0}, which is no HTTPS URL")]
    Insecure(Url),
    #[error("it is redirected more than {REDIRECTS} times")]
    Redirects,
    #[error("it is larger than {BYTES_MAX} bytes")]
    TooLarge,
}

/// Fetches the file of a URL.
pub(crate) async fn get(url: &str, reach: Reach<'static>) -> Result<Vec<u8>, CliError> {
    let url = parse(url, reach)?;
    let failed = |error: reqwest::Error| unreachable(&url, &error);
    let client = client(reach)?;
    let mut response = client.get(url.clone()).send().await.map_err(failed)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            return Err(CliError::new(Kind::NotFound, format!("{url}: there is no such file")));
        }
        status => return Err(CliError::failed(format!("{url}: it answered {status}"))),
    }
    let too_large = || not_allowed(&url, &Refusal::TooLarge);
    if response.content_length().is_some_and(|bytes| bytes > BYTES_MAX as u64) {
        return Err(too_large());
    }
    let mut file = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if file.len() + chunk.len() > BYTES_MAX {
            return Err(too_large());
        }
        file.extend_from_slice(&chunk);
    }
    Ok(file)
}

fn parse(text: &str, reach: Reach<'static>) -> Result<Url, CliError> {
    let wrong = |what: &str| CliError::usage(format!("{text}: {what}"));
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if url.scheme() != "https" {
        return Err(wrong("a file is fetched by https:// alone"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("a name or password does not belong into a URL"));
    }
    check_host(&url, reach).map_err(|refusal| not_allowed(&url, &refusal))?;
    Ok(url)
}

/// A host that is an address is connected to without a look-up.
fn check_host(url: &Url, reach: Reach<'static>) -> Result<(), Refusal> {
    let host = url.host_str().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse() {
        Ok(address) if !reach.allows(address) => Err(Refusal::PrivateAddress(host.to_owned())),
        _ => Ok(()),
    }
}

fn client(reach: Reach<'static>) -> Result<Client, CliError> {
    let client = Client::builder()
        .tls_backend_preconfigured(tls::settings()?)
        .https_only(true)
        // Behind one, the addresses would be the proxy's to choose.
        .no_proxy()
        .dns_resolver(Arc::new(Resolver(reach)))
        .redirect(Policy::custom(move |attempt| redirected(attempt, reach)))
        .connect_timeout(CONNECT_TIME)
        .timeout(TIME)
        .build();
    client.map_err(|error| CliError::failed(format!("no HTTPS client: {error}")))
}

fn redirected(attempt: Attempt<'_>, reach: Reach<'static>) -> reqwest::redirect::Action {
    if attempt.previous().len() > REDIRECTS {
        return attempt.error(Refusal::Redirects);
    }
    if attempt.url().scheme() != "https" {
        let url = attempt.url().clone();
        return attempt.error(Refusal::Insecure(url));
    }
    match check_host(attempt.url(), reach) {
        Ok(()) => attempt.follow(),
        Err(refusal) => attempt.error(refusal),
    }
}

/// Looks names up, and leaves out where they may not lead.
struct Resolver(Reach<'static>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            match openclaw_egress::resolve(name.as_str(), 0, reach).await {
                Ok(addresses) => Ok(Box::new(addresses.into_iter()) as Addrs),
                Err(openclaw_egress::Refusal::PrivateAddress) => {
                    Err(Refusal::PrivateAddress(name.as_str().to_owned()).into())
                }
                Err(refusal) => Err(refusal.into()),
            }
        })
    }
}

/// A failure in the words of whoever caused it.
fn unreachable(url: &Url, error: &reqwest::Error) -> CliError {
    let mut cause: &dyn Error = error;
    loop {
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            return not_allowed(url, refusal);
        }
        match cause.source() {
            Some(deeper) => cause = deeper,
            None => return CliError::new(Kind::Unreachable, format!("{url} cannot be fetched: {cause}")),
        }
    }
}

fn not_allowed(url: &dyn fmt::Display, refusal: &Refusal) -> CliError {
    let error = CliError::failed(format!("{url}: {refusal}"));
    match refusal {
        Refusal::PrivateAddress(_) => error.hint("--allow-private-addresses fetches from your own networks too"),
        Refusal::Insecure(_) | Refusal::Redirects | Refusal::TooLarge => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_to_a_public_address_is_fetched() {
        let refused = |url: &str| parse(url, PUBLIC).map(|url| url.to_string()).expect_err("it is refused");
        for (url, why) in [
            ("http://example.com/a.wasm", "https:// alone"),
            ("file:///etc/passwd", "https:// alone"),
            ("https://user:word@example.com/a.wasm", "password"),
            ("https://127.0.0.1/a.wasm", "private"),
            ("https://2130706433/a.wasm", "private"),
            ("https://0x7f.1/a.wasm", "private"),
            ("https://169.254.169.254/latest/meta-data", "private"),
            ("https://[::1]/a.wasm", "private"),
            ("https://[::ffff:10.0.0.1]/a.wasm", "private"),
        ] {
            let error = refused(url);
            assert!(format!("{error:?}").contains(why), "{url}: {error:?}");
        }
        assert!(parse("https://example.com/a.wasm", PUBLIC).is_ok());
        assert!(parse("https://127.0.0.1/a.wasm", Reach::Anywhere).is_ok());
    }
}
