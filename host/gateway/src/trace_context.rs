//! W3C Trace Context: a request that belongs to somebody's trace is logged under that trace.

use axum::http::{HeaderMap, HeaderName};
use tracing::Span;

/// The header, of requests and of their replies.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A `traceparent` that is as the recommendation says; any other is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent<'a>(&'a str);

impl<'a> TraceParent<'a> {
    /// That of a request; of two, which one is meant is not to be known.
    pub(crate) fn of(headers: &'a HeaderMap) -> Option<Self> {
        let mut sent = headers.get_all(TRACEPARENT).iter();
        match (sent.next(), sent.next()) {
            (Some(one), None) => Self::parse(one.to_str().ok()?),
            _ => None,
        }
    }

    /// `00-<trace id>-<parent id>-<flags>`; a later version may go on after that.
    fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(5, '-').collect();
        let (&[version, trace, parent, flags], rest) = parts.split_first_chunk::<4>()?;
        let is_hex = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_id = |part: &str, length: usize| is_hex(part, length) && part.bytes().any(|byte| byte != b'0');
        let known = is_hex(version, 2) && version != "ff" && (version != "00" || rest.is_empty());
        (known && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2)).then_some(Self(text))
    }

    /// The header as it came.
    pub(crate) fn as_str(self) -> &'a str {
        self.0
    }

    /// The trace's id, and that of the caller's span.
    pub(crate) fn ids(self) -> ([u8; 16], [u8; 8]) {
        // Both are hexadecimal, as it was read.
        let trace = u128::from_str_radix(&self.0[3..35], 16).unwrap_or_default();
        let parent = u64::from_str_radix(&self.0[36..52], 16).unwrap_or_default();
        (trace.to_be_bytes(), parent.to_be_bytes())
    }

    /// What everything that is logged for the request stands in, at every level of the log.
    pub(crate) fn span(self) -> Span {
        tracing::error_span!("request", trace_id = self.0.get(3..35))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn one_as_the_recommendation_says_is_taken() {
        assert_eq!(TraceParent::parse(GOOD).map(TraceParent::as_str), Some(GOOD));
        let (trace, parent) = TraceParent::parse(GOOD).map(TraceParent::ids).expect("it is taken");
        assert_eq!(u128::from_be_bytes(trace), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(u64::from_be_bytes(parent), 0x00f0_67aa_0ba9_02b7);
        let later = GOOD.replacen("00", "01", 1) + "-more";
        assert!(TraceParent::parse(&later).is_some());
    }

    #[test]
    fn any_other_is_not() {
        let cases = [
            String::new(),
            GOOD.to_uppercase(),
            GOOD.replacen("00", "ff", 1),
            format!("{GOOD}-more"),
            GOOD[..54].to_owned(),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replace('-', "_"),
        ];
        for case in cases {
            assert_eq!(TraceParent::parse(&case), None, "{case}");
        }
    }
}
