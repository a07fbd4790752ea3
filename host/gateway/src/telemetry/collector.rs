//! The collector: OTLP over HTTP, in protobuf.

use std::{sync::Weak, time::Duration};

use openclaw_config::gateway::Otlp;
use prometheus_client::metrics::counter::Counter;
use prost::Message;
use reqwest::{
    Client, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use tokio::{
    sync::mpsc,
    task::spawn_blocking,
    time::{Instant, MissedTickBehavior, interval_at},
};

use super::{Ended, message};
use crate::Gateway;

/// How often calls are sent, and at once as many.
const CALLS_EVERY: Duration = Duration::from_secs(1);
const CALLS_AT_ONCE: usize = 512;

/// How often the metrics are.
const METRICS_EVERY: Duration = Duration::from_secs(15);

/// For one request to the collector.
const TIME: Duration = Duration::from_secs(10);

pub(super) struct Collector {
    client: Client,
    traces: Url,
    metrics: Url,
    /// The last request failed, and the log has it.
    failing: bool,
}

impl Collector {
    /// The operator's, at whatever address it is.
    pub(super) fn of(otlp: &Otlp) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &otlp.headers {
            let wrong = |what: &str| format!("headers.{name}: {what}");
            let name = HeaderName::try_from(name).map_err(|_| wrong("it is no name of a header"))?;
            let mut value =
                HeaderValue::try_from(value.expose()).map_err(|_| wrong("its value is none of a header"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let tls = openclaw_egress::tls::settings().map_err(|error| error.to_string())?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(Policy::none())
            .default_headers(headers)
            .timeout(TIME)
            .build();
        let endpoint = otlp.endpoint.trim_end_matches('/');
        let url = |path: &str| Url::parse(&format!("{endpoint}{path}")).map_err(|error| format!("endpoint: {error}"));
        Ok(Self {
            client: client.map_err(|error| error.to_string())?,
            traces: url("/v1/traces")?,
            metrics: url("/v1/metrics")?,
            failing: false,
        })
    }

    /// Sends until nobody has anything to tell any more.
    pub(super) async fn run(mut self, gateway: Weak<Gateway>, mut calls: mpsc::Receiver<Ended>, lost: Counter) {
        let started = message::now();
        let mut metrics_due = interval_at(Instant::now() + METRICS_EVERY, METRICS_EVERY);
        metrics_due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        let mut open = true;
        while open {
            tokio::select! {
                more = collect(&mut calls, &mut batch) => open = more,
                _ = metrics_due.tick() => self.send_metrics(&gateway, started).await,
            }
            while !batch.is_empty() {
                let at_once: Vec<Ended> = batch.drain(..batch.len().min(CALLS_AT_ONCE)).collect();
                let count = at_once.len() as u64;
                if !self.send(self.traces.clone(), message::traces(at_once)).await {
                    lost.inc_by(count);
                }
            }
        }
        self.send_metrics(&gateway, started).await;
    }

    async fn send_metrics(&mut self, gateway: &Weak<Gateway>, started: u64) {
        let Some(gateway) = gateway.upgrade() else { return };
        // Of many components and tenants it is long.
        let read = spawn_blocking(move || gateway.metrics_text().ok().map(|text| message::metrics(&text, started)));
        let Ok(Some(message)) = read.await else { return };
        self.send(self.metrics.clone(), message).await;
    }

    /// Whether it was taken. What was not is not sent again: the next is soon there.
    async fn send(&mut self, to: Url, message: impl Message) -> bool {
        let request = self.client.post(to).header(CONTENT_TYPE, "application/x-protobuf").body(message.encode_to_vec());
        let answered = request.send().await.and_then(reqwest::Response::error_for_status);
        // The URL may hold a secret.
        let error = answered.err().map(reqwest::Error::without_url);
        match &error {
            Some(error) if !self.failing => {
                tracing::warn!(%error, "the collector of telemetry takes nothing; what it is sent meanwhile is lost");
            }
            None if self.failing => tracing::info!("the collector of telemetry takes what it is sent again"),
            _ => {}
        }
        self.failing = error.is_some();
        !self.failing
    }
}

/// Collects calls for a while, or until they are many. False when there will be no more.
async fn collect(calls: &mut mpsc::Receiver<Ended>, batch: &mut Vec<Ended>) -> bool {
    let Some(first) = calls.recv().await else { return false };
    batch.push(first);
    let until = Instant::now() + CALLS_EVERY;
    while batch.len() < CALLS_AT_ONCE {
        match tokio::time::timeout_at(until, calls.recv()).await {
            Ok(Some(call)) => batch.push(call),
            Ok(None) => return false,
            Err(_) => break,
        }
    }
    true
}
