//! A file by HTTPS.

use std::{error::Error, sync::Arc};

use openclaw_egress::tls;
use reqwest::{
    Client, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::{Action, Attempt, Policy},
};

use crate::{BYTES_MAX, CONNECT_TIME, FetchError, Fetcher, Refusal};

pub(crate) const REDIRECTS: usize = 5;

pub(crate) async fn get(fetcher: &Fetcher, url: &str) -> Result<Vec<u8>, FetchError> {
    let url = parse(fetcher, url)?;
    let failed = |error: reqwest::Error| failure(&url, &error);
    let client = client(fetcher).await?;
    let mut response = client.get(url.clone()).send().await.map_err(failed)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            return Err(FetchError::NotFound { address: url.to_string(), what: "file" });
        }
        status => {
            return Err(FetchError::Answered { address: url.to_string(), reason: format!("it answered {status}") });
        }
    }
    let too_large = || FetchError::refused(&url, Refusal::TooLarge);
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

fn parse(fetcher: &Fetcher, text: &str) -> Result<Url, FetchError> {
    let wrong = |reason: &str| FetchError::Address { address: text.to_owned(), reason: reason.to_owned() };
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if url.scheme() != "https" {
        return Err(wrong("a file is fetched by https:// alone"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("a name or password does not belong into a URL"));
    }
    check_host(fetcher, &url).map_err(|refusal| FetchError::refused(&url, refusal))?;
    Ok(url)
}

/// A host that is an address is connected to without a look-up.
fn check_host(fetcher: &Fetcher, url: &Url) -> Result<(), Refusal> {
    let host = url.host_str().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse() {
        Ok(address) if !fetcher.reach().allows(address) => Err(Refusal::PrivateAddress(host.to_owned())),
        _ => Ok(()),
    }
}

async fn client(fetcher: &Fetcher) -> Result<Client, FetchError> {
    let here = |error: &dyn Error| FetchError::Here(format!("no HTTPS client: {error}"));
    // Whom this machine trusts is read from files.
    let settings = tokio::task::spawn_blocking(tls::settings).await.map_err(|error| here(&error))?;
    let of_redirects = fetcher.clone();
    let client = Client::builder()
        .tls_backend_preconfigured(settings.map_err(|error| here(&error))?)
        .https_only(true)
        // Behind one, the addresses would be the proxy's to choose.
        .no_proxy()
        .dns_resolver(Arc::new(Checked(fetcher.clone())))
        .redirect(Policy::custom(move |attempt| redirected(attempt, &of_redirects)))
        .connect_timeout(CONNECT_TIME)
        .timeout(fetcher.time)
        .build();
    client.map_err(|error| here(&error))
}

fn redirected(attempt: Attempt<'_>, fetcher: &Fetcher) -> Action {
    if attempt.previous().len() > REDIRECTS {
        return attempt.error(Refusal::Redirects);
    }
    if attempt.url().scheme() != "https" {
        let url = attempt.url().to_string();
        return attempt.error(Refusal::Insecure(url));
    }
    match check_host(fetcher, attempt.url()) {
        Ok(()) => attempt.follow(),
        Err(refusal) => attempt.error(refusal),
    }
}

/// Looks names up, and leaves out where they may not lead.
struct Checked(Fetcher);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let fetcher = self.0.clone();
        Box::pin(async move {
            match fetcher.resolver.resolve(name.as_str(), 0, fetcher.reach()).await {
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
fn failure(url: &Url, error: &reqwest::Error) -> FetchError {
    let mut cause: &dyn Error = error;
    loop {
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            return FetchError::refused(url, refusal.clone());
        }
        match cause.source() {
            Some(deeper) => cause = deeper,
            None => return FetchError::Unreachable { address: url.to_string(), reason: cause.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::Duration};

    use super::*;
    use crate::Allowed;

    fn fetcher(allowed: Allowed) -> Fetcher {
        Fetcher::of("", allowed, Duration::from_secs(1))
    }

    #[test]
    fn only_https_to_a_public_address_is_fetched() {
        let public = fetcher(Allowed::Public([].into()));
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
            let error = parse(&public, url).expect_err(url).to_string();
            assert!(error.contains(why), "{url}: {error}");
        }
        assert!(parse(&public, "https://example.com/a.wasm").is_ok());
        assert!(parse(&fetcher(Allowed::Anywhere), "https://127.0.0.1/a.wasm").is_ok());
    }

    #[test]
    fn an_address_that_the_operator_vouches_for_is_reached_and_no_other() {
        let vouched = fetcher(Allowed::Public([IpAddr::from([10, 0, 0, 5])].into()));
        assert!(parse(&vouched, "https://10.0.0.5/a.wasm").is_ok());
        assert!(parse(&vouched, "https://10.0.0.6/a.wasm").is_err());
    }
}
