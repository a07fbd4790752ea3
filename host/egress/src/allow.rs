//! Hosts by name: one, or all below one; with ports, an allow list.

use std::{fmt, net::IpAddr, str::FromStr};

/// Whether a text can be a host's name or address. Nothing else is looked up, or written down.
#[must_use]
pub fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    text.parse::<IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(is_label))
}

/// One host, or any name below one: `api.example.com`, `*.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    /// In lower case.
    name: String,
    /// Any name below this one, and not this one.
    below: bool,
}

/// A text that is no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a host's name or address, or `*.` and a name")]
pub struct InvalidPattern(String);

impl HostPattern {
    /// Whether it stands for this host.
    #[must_use]
    pub fn is(&self, host: &str) -> bool {
        let host = normal(host);
        if !self.below {
            return self.name == host;
        }
        host.strip_suffix(self.name.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
    }

    /// Whether it stands for every host that the other does.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        if other.below { self.below && (self.name == other.name || self.is(&other.name)) } else { self.is(&other.name) }
    }
}

impl FromStr for HostPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, normal(name)),
            None => (false, normal(text.trim_start_matches('[').trim_end_matches(']'))),
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(allowed) {
            return Err(InvalidPattern(text.to_owned()));
        }
        Ok(Self { name, below })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.below, self.name.contains(':')) {
            (true, _) => write!(f, "*.{}", self.name),
            (false, true) => write!(f, "[{}]", self.name),
            (false, false) => f.write_str(&self.name),
        }
    }
}

/// Names have no case, and one dot at their end means nothing.
fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Hosts with their ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList(Vec<(HostPattern, u16)>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not `host:port` or `*.host:port`")]
pub struct InvalidEntry(String);

impl AllowList {
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidEntry> {
        entries.into_iter().map(entry).collect::<Result<_, _>>().map(Self)
    }

    #[must_use]
    pub fn allows(&self, host: &str, port: u16) -> bool {
        self.0.iter().any(|(pattern, at)| *at == port && pattern.is(host))
    }
}

fn entry(text: &str) -> Result<(HostPattern, u16), InvalidEntry> {
    let invalid = || InvalidEntry(text.to_owned());
    let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(invalid)?;
    Ok((host.parse().map_err(|_| invalid())?, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_of_bounded_length_or_an_address() {
        let longest = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
        for host in ["example.com", "a.example.com.", "_dmarc.x-1.org", "127.0.0.1", "2606:4700::1111", &longest] {
            assert!(is_host(host), "{host}");
        }
        let label = "a".repeat(64);
        let longer = format!("{longest}e");
        for text in ["", ".", "a..b", ".a", "a b", "a/b", "a:80", "[::1]", "fe80::1%eth0", "ä.org", &label, &longer] {
            assert!(!is_host(text), "{text}");
        }
    }

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

    #[test]
    fn a_pattern_covers_what_is_within_it_and_reads_as_it_is_written() {
        let pattern = |text: &str| text.parse::<HostPattern>().unwrap();
        for (wide, narrow) in
            [("*.a.org", "b.a.org"), ("*.a.org", "*.a.org"), ("*.a.org", "*.b.a.org"), ("A.org", "a.org.")]
        {
            assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
        }
        for (wide, narrow) in
            [("*.a.org", "a.org"), ("b.a.org", "*.a.org"), ("*.b.a.org", "*.a.org"), ("*.a.org", "ba.org")]
        {
            assert!(!pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
        }
        for text in ["a.org", "*.a.org", "[::1]"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }
}
