//! Who makes a call.

/// What a tenant's own token carries.
const SCOPES: [&str; 4] = ["read", "write", "pairing", "approvals"];

#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) scopes: Vec<String>,
}

impl Caller {
    /// Whoever has the tenant's own token.
    pub(crate) fn tenant() -> Self {
        Self { scopes: SCOPES.map(str::to_owned).to_vec() }
    }

    pub(crate) fn is_operator(&self) -> bool {
        self.has("admin")
    }

    fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }

    pub(crate) fn may(&self, scope: &str) -> bool {
        self.is_operator() || self.has(scope) || (scope == "read" && self.has("write"))
    }
}
