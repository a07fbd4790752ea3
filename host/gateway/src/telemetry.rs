//! Traces of calls, and the metrics, to the OpenTelemetry collector of `telemetry.otlp`.
//!
//! A call that ends leaves what there is to tell in a bounded queue and goes on: what does not fit is lost, and
//! `openclaw_telemetry_lost` counts it. One task behind the queue sends (`collector.rs`), and nothing waits for it but
//! the gateway's own end. What is told of a call is who it was for, what answered it, how it ended and how long it
//! took; never what it said.

mod collector;
mod message;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwapOption;
use openclaw_config::gateway::Otlp;
use openclaw_runtime::{CallError, CallFacts, Component, InnerCall, Trace};
use prometheus_client::metrics::counter::Counter;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use crate::{Gateway, auth::Identity};
use collector::Collector;

/// Calls that wait to be told of.
const QUEUE: usize = 8192;

/// How long the gateway's end waits for what is left.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A call that has ended.
pub(crate) struct Ended {
    call: CallSpan,
    took: Duration,
    /// The contract's word for its failure.
    code: Option<String>,
}

/// A call that is told of when it ends.
pub(crate) struct CallSpan {
    trace: Trace,
    method: Arc<str>,
    family: String,
    version: String,
    tenant: Option<String>,
    request_id: Arc<str>,
    at: SystemTime,
    clock: Instant,
}

/// Tells, where the configuration names somebody to tell.
pub(crate) struct Telemetry {
    queue: ArcSwapOption<mpsc::Sender<Ended>>,
    sending: Mutex<Option<Sending>>,
    lost: Counter,
}

struct Sending {
    to: Otlp,
    task: JoinHandle<()>,
}

impl Telemetry {
    pub(crate) fn new(lost: Counter) -> Self {
        Self { queue: ArcSwapOption::empty(), sending: Mutex::default(), lost }
    }

    /// The place of a call in its trace; none where nobody collects them.
    pub(crate) fn place(&self, identity: &Identity) -> Option<Trace> {
        self.queue.load().as_ref()?;
        Some(identity.trace.map_or_else(Trace::begin, |(id, parent)| Trace::within(id, parent)))
    }

    pub(crate) fn ended(&self, span: Option<CallSpan>, code: Option<&str>) {
        let Some(call) = span else { return };
        let took = call.clock.elapsed();
        self.tell(Ended { call, took, code: code.map(str::to_owned) });
    }

    fn tell(&self, ended: Ended) {
        if let Some(queue) = &*self.queue.load()
            && queue.try_send(ended).is_err()
        {
            self.lost.inc();
        }
    }

    /// Takes over what the configuration says now.
    pub(crate) fn follow(&self, gateway: &Arc<Gateway>, otlp: Option<&Otlp>) {
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        if sending.as_ref().map(|sending| &sending.to) == otlp {
            return;
        }
        self.queue.store(None);
        // Whoever was told until now is told the rest of it, once its queue is left by all.
        *sending = None;
        let Some(otlp) = otlp else { return };
        match Collector::of(otlp) {
            Ok(collector) => {
                let (queue, calls) = mpsc::channel(QUEUE);
                let task = tokio::spawn(collector.run(Arc::downgrade(gateway), calls, self.lost.clone()));
                *sending = Some(Sending { to: otlp.clone(), task });
                self.queue.store(Some(Arc::new(queue)));
            }
            Err(error) => tracing::error!(key = "telemetry.otlp", error, "nothing is exported"),
        }
    }

    /// Tells the rest.
    pub(crate) async fn close(&self) {
        self.queue.store(None);
        let sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sending) = sending
            && timeout(LAST_WORDS, sending.task).await.is_err()
        {
            tracing::warn!("the collector of telemetry was not told everything");
        }
    }
}

impl CallSpan {
    /// A call of a component, where it has a place in a trace.
    pub(crate) fn of(facts: &CallFacts, component: &Component) -> Option<Self> {
        let manifest = &component.manifest;
        let tenant = facts.subject.tenant().map(|tenant| tenant.id.to_string());
        let by = (manifest.family.as_str(), &*manifest.version);
        facts.trace.map(|trace| Self::new(trace, &facts.method, by, tenant, &facts.request_id))
    }

    /// A call of the host's own methods.
    pub(crate) fn of_host(trace: Trace, method: &str, tenant: Option<String>, request_id: &Arc<str>) -> Self {
        Self::new(trace, &method.into(), ("gateway", env!("CARGO_PKG_VERSION")), tenant, request_id)
    }

    fn new(
        trace: Trace,
        method: &Arc<str>,
        (family, version): (&str, &str),
        tenant: Option<String>,
        request_id: &Arc<str>,
    ) -> Self {
        Self {
            trace,
            method: method.clone(),
            family: family.to_owned(),
            version: version.to_owned(),
            tenant,
            request_id: request_id.clone(),
            at: SystemTime::now(),
            clock: Instant::now(),
        }
    }
}

impl Gateway {
    /// Counts and tells of a call that a component made: it is a call like any other.
    pub(crate) fn inner_ended(&self, inner: &InnerCall<'_>) {
        let code = inner.error.map(CallError::code);
        self.metrics().component(inner.component).count(inner.took, code);
        self.count_for(inner.facts.subject.tenant().map(|tenant| &**tenant), code);
        if let Some(call) = CallSpan::of(inner.facts, inner.component) {
            let at = call.at.checked_sub(inner.took).unwrap_or(call.at);
            self.telemetry().tell(Ended {
                call: CallSpan { at, ..call },
                took: inner.took,
                code: code.map(str::to_owned),
            });
        }
    }
}
