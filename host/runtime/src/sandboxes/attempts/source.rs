//! What wanted to reach something, and how its lines say so.

use openclaw_sandbox::egress::Attempt;
use serde_json::{Value, json};

/// Of what found no line.
pub(super) const REST_OF_WORKLOADS: &str = "sandbox.egress.rest";
pub(super) const REST_OF_CALLS: &str = "component.http.rest";

/// What attempts are made by.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Workload,
    /// A call of a component.
    Call {
        family: String,
        digest: String,
        request_id: String,
    },
}

impl Source {
    pub(super) fn action(&self) -> &'static str {
        match self {
            Self::Workload => "sandbox.egress",
            Self::Call { .. } => "component.http",
        }
    }

    pub(super) fn rest(&self) -> &'static str {
        match self {
            Self::Workload => REST_OF_WORKLOADS,
            Self::Call { .. } => REST_OF_CALLS,
        }
    }

    pub(super) fn detail(&self, attempt: &Attempt) -> Value {
        let Attempt { host, port, refused } = attempt;
        let refused = refused.map(|refused| refused.to_string());
        match self {
            Self::Workload => {
                let mut detail = json!({ "host": host, "port": port, "allowed": refused.is_none() });
                if let Some(refused) = refused {
                    detail["reason"] = refused.into();
                }
                detail
            }
            Self::Call { family, digest, request_id } => json!({
                "family": family, "digest": digest, "requestId": request_id,
                "host": host, "port": port, "refused": refused,
            }),
        }
    }
}
