//! A call that a component makes of another method of its tenant.
//!
//! It is a call like any other, with the scopes of its caller and inside its
//! caller's time, but it waits for no place: what it would wait for could be
//! its own caller's. It runs in a task of its own, so on a stack of its own,
//! and to its caller it is time in the host.

use std::{sync::Arc, time::Instant};

use serde_json::Value;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::{
    binding::Route,
    call::{CallFacts, CallState, InnerCall},
    error::{COMPONENT_FAILED, CallError, CapabilityError, Failure, QUOTA_EXCEEDED},
    invoke::{Answer, CallKind, Outer, Params},
    limits::{DEPTH, Limit},
    manifest::named_tenant,
    plugins::Plugins,
    trace::Trace,
};

impl Plugins {
    async fn run_inner(
        self: Arc<Self>,
        route: Route,
        facts: CallFacts,
        params: Params,
        outer: Outer,
    ) -> Result<Answer, CallError> {
        let tenant = facts.subject.tenant().map(|tenant| tenant.id.clone());
        let place = self.services().admission.enter_inner(tenant.as_ref(), route.component().pool)?;
        let answer = self.run(&route, facts, params, CallKind::Inside(outer)).await;
        drop(place);
        answer
    }
}

impl CallState {
    /// Calls another method of this call's tenant.
    pub(crate) async fn call_method(&mut self, method: &str, params: Vec<u8>) -> Result<Vec<u8>, CapabilityError> {
        if !self.grants.allow_method(method) {
            return Err(CapabilityError::forbidden(format!("method:{method} is not granted to this component")));
        }
        if self.depth >= DEPTH {
            return Err(CapabilityError::Trap(self.broke(Limit::Depth)));
        }
        let tenant = self.tenant()?.id.clone();
        let plugins = self.services.plugins().ok_or_else(CapabilityError::closing)?;
        let params = Params::read(params)?;
        if named_tenant(method, &params.value).is_some_and(|named| *named != tenant.as_str()) {
            return Err(CapabilityError::forbidden("a component reaches its own tenant alone"));
        }
        let routed = plugins.route(Some(&tenant), method).await;
        let route = routed.map_err(|error| self.inner_error(error))?;
        let route = route.ok_or_else(|| CapabilityError::not_found(plugins.no_such_method(method)))?;
        let facts = self.inner_facts(&route)?;
        let (told, version, started) = (facts.clone(), route.version().clone(), Instant::now());
        let turn = self.turn.clone();
        let outer = Outer { depth: self.depth, deadline: self.deadline, is_task: self.is_task, turn };
        // Ended with this call, whatever ends it.
        let mut inner = JoinSet::new();
        inner.spawn(plugins.run_inner(route, facts, params, outer).in_current_span());
        let answer = inner.join_next().await.ok_or_else(|| CapabilityError::internal("an inner call was not run"))?;
        let answer = answer.map_err(CapabilityError::internal)?;
        let component = &version.component;
        let error = answer.as_ref().err();
        self.services.inner_ended(&InnerCall { facts: &told, component, took: started.elapsed(), error });
        let answer = answer.map_err(|error| self.inner_error(error))?;
        self.delete_tenant |= answer.delete_tenant;
        Ok(answer.result.into_bytes())
    }

    /// Of the same request and the same caller, who may call the method.
    pub(crate) fn inner_facts(&self, route: &Route) -> Result<CallFacts, CapabilityError> {
        let call = self.call()?;
        let (method, caller) = (route.method(), call.caller.in_tenant());
        if !caller.may(method.scope) {
            let scope = method.scope.name();
            let message = format!("{} needs the scope {scope}, which this call does not carry", method.name);
            return Err(CapabilityError::forbidden(message));
        }
        Ok(CallFacts {
            method: method.name.as_str().into(),
            caller,
            trace: call.trace.map(Trace::inner),
            ..call.clone()
        })
    }

    /// What the caller is told, and what is kept for the client should it pass that on.
    pub(crate) fn inner_error(&mut self, error: CallError) -> CapabilityError {
        match error {
            CallError::InvalidParams(message) => CapabilityError::invalid(message),
            CallError::Refused(refusal) => CapabilityError::Refused(refusal),
            CallError::Quota(refusal) => {
                let message = refusal.said();
                self.over_quota = Some(refusal);
                CapabilityError::new(QUOTA_EXCEEDED, message)
            }
            CallError::Failed(failure) | CallError::InnerFailed(failure) => self.inner_failure(failure),
            CallError::Unavailable { message, retry_after_ms } => {
                let error = CapabilityError::unavailable(message);
                retry_after_ms.into_iter().fold(error, CapabilityError::retry_after)
            }
        }
    }

    fn inner_failure(&mut self, failure: Failure) -> CapabilityError {
        let message = match failure.limit {
            Some(limit) => format!("the component that was called broke its limit of {limit}"),
            None => "the component that was called failed".into(),
        };
        let limit = failure.limit.map(|limit| ("limit".to_owned(), Value::from(limit.name())));
        self.inner_failure = Some(failure);
        CapabilityError::new(COMPONENT_FAILED, message).with_data(limit.into_iter().collect())
    }
}
