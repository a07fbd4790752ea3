//! How every request ends: in the log, in the counters and in the collector's traces.
//!
//! Whatever was taken in ends in [`Gateway::logged`], and what was admitted is counted, by [`Gateway::counted`] where
//! the host itself answers: its methods, `/v1`, uploads, frames that are no call. What is refused before its body is
//! read ends in `http.rs` (`turn_away`), and a call inside another in `telemetry.rs`.

use std::{sync::Arc, time::Instant};

use openclaw_tenancy::TenantRecord;

use crate::{Gateway, auth::Identity, metrics, reply::Problem, telemetry::CallSpan};

impl Gateway {
    /// Runs work for a request, and writes its one line in the log.
    pub(crate) async fn logged<T>(
        &self,
        identity: &Identity,
        what: &str,
        request_id: &str,
        work: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let started = Instant::now();
        let result = work.await;
        log(identity, what, request_id, started, result.as_ref().err());
        result
    }

    /// Runs work of the host's own for a request that was admitted, and counts and traces it.
    pub(crate) async fn counted<T>(
        &self,
        identity: &Identity,
        tenant: Option<&TenantRecord>,
        what: &str,
        request_id: &Arc<str>,
        work: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let told = tenant.map(|tenant| tenant.id.to_string());
        let span = self.telemetry().place(identity).map(|trace| CallSpan::of_host(trace, what, told, request_id));
        let result = self.metrics().host().measure(work).await;
        self.ended(span, tenant, metrics::code(&result));
        result
    }

    /// Both, for what has one body and one reply.
    pub(crate) async fn answered<T>(
        &self,
        identity: &Identity,
        tenant: Option<&TenantRecord>,
        what: &str,
        request_id: &Arc<str>,
        work: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        self.logged(identity, what, request_id, self.counted(identity, tenant, what, request_id, work)).await
    }

    /// Tells the collector, and counts for the tenant where tenants are named.
    pub(crate) fn ended(&self, span: Option<CallSpan>, tenant: Option<&TenantRecord>, code: Option<&str>) {
        self.telemetry().ended(span, code);
        self.count_for(tenant, code);
    }

    pub(crate) fn count_for(&self, tenant: Option<&TenantRecord>, code: Option<&str>) {
        if let Some(tenant) = tenant.filter(|_| self.config().telemetry.tenant_label) {
            self.metrics().count_for(&tenant.id, code);
        }
    }
}

fn log(identity: &Identity, what: &str, request_id: &str, started: Instant, problem: Option<&Problem>) {
    let actor = &identity.caller.actor;
    let method = printable(what);
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    match problem {
        None => tracing::debug!(request_id, %actor, method, micros, "answered"),
        Some(Problem { log: Some(detail), code, .. }) => {
            tracing::warn!(request_id, %actor, method, micros, code, detail, "failed");
        }
        Some(Problem { code, message, .. }) => {
            tracing::debug!(request_id, %actor, method, micros, code, detail = message, "refused");
        }
    }
}

/// A client's words in a log or a message: short, and without control characters.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(128).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
