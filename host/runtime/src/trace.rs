//! Where a call stands in a trace.

/// A call's place in a trace, as W3C Trace Context and OpenTelemetry have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The whole trace's.
    pub id: [u8; 16],
    /// This call's own.
    pub span: [u8; 8],
    /// That of whatever called it.
    pub parent: Option<[u8; 8]>,
}

impl Trace {
    /// A call that nobody's trace is known of.
    #[must_use]
    pub fn begin() -> Self {
        let id = u128::from(random()) << 64 | u128::from(random());
        Self { id: id.to_be_bytes(), span: random().to_be_bytes(), parent: None }
    }

    /// A call inside this span of a trace.
    #[must_use]
    pub fn within(id: [u8; 16], parent: [u8; 8]) -> Self {
        Self { id, span: random().to_be_bytes(), parent: Some(parent) }
    }

    /// A call that this one makes.
    #[must_use]
    pub fn inner(self) -> Self {
        Self::within(self.id, self.span)
    }
}

/// Never zero, which is no id. Where there is no randomness, traces run together and calls go on.
fn random() -> u64 {
    getrandom::u64().unwrap_or_default().max(1)
}
