//! The allow list: hosts with their ports.

use std::str::FromStr;

/// Hosts with their ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Exactly(String),
    /// Any name below this one.
    Below(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not `host:port` or `*.host:port`")]
pub struct InvalidEntry(String);

impl AllowList {
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidEntry> {
        entries.into_iter().map(str::parse).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn allows(&self, host: &str, port: u16) -> bool {
        let host = normal(host);
        self.0.iter().any(|entry| entry.port == port && entry.host.is(&host))
    }
}

impl FromStr for Entry {
    type Err = InvalidEntry;

    fn from_str(text: &str) -> Result<Self, InvalidEntry> {
        let invalid = || InvalidEntry(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(invalid)?;
        let (below, name) = match host.strip_prefix("*.") {
            Some(name) => (true, normal(name)),
            None => (false, normal(host.trim_start_matches('[').trim_end_matches(']'))),
        };
        let characters =
            |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'));
        if name.is_empty() || name.starts_with('.') || !characters(&name) {
            return Err(invalid());
        }
        Ok(Self { host: if below { Host::Below(name) } else { Host::Exactly(name) }, port })
    }
}

impl Host {
    fn is(&self, host: &str) -> bool {
        match self {
            Self::Exactly(name) => name == host,
            Self::Below(name) => {
                host.strip_suffix(name.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
        }
    }
}

/// Names have no case, and one dot at their end means nothing.
fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_allowed_by_its_name_and_port() {
        let list = AllowList::parse(["api.example.com:443", "*.pypi.org:443", "[2606:4700::1111]:53"]).unwrap();
        for (host, port) in
            [("api.example.com", 443), ("API.Example.COM.", 443), ("files.pypi.org", 443), ("2606:4700::1111", 53)]
        {
            assert!(list.allows(host, port), "{host}:{port}");
        }
        for (host, port) in [
            ("api.example.com", 80),
            ("example.com", 443),
            ("xapi.example.com", 443),
            ("api.example.com.evil.org", 443),
            ("pypi.org", 443),
            (".pypi.org", 443),
            ("evilpypi.org", 443),
            ("", 443),
            ("api.example.com..", 443),
        ] {
            assert!(!list.allows(host, port), "{host}:{port}");
        }
    }

    #[test]
    fn an_entry_needs_a_host_and_a_port() {
        for entry in ["example.com", "example.com:0", "example.com:70000", ":443", "*.:443", "a/b:80", "*:443"] {
            assert!(AllowList::parse([entry]).is_err(), "{entry}");
        }
    }
}
