//! `telemetry.otlp`: what a collector of OpenTelemetry gets.

use std::{
    io::{BufReader, Write},
    net::TcpStream,
    sync::mpsc::{Receiver, Sender, channel},
    time::Duration,
};

use openclaw_tests::{
    PATIENCE,
    server::{self, Received},
};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value as AnyValue},
    metrics::v1::metric::Data,
    trace::v1::Span,
};
use prost::Message as _;

use crate::{
    components::{built, params},
    contract::*,
};

/// A collector that keeps what it gets.
struct Collector {
    port: u16,
    posted: Receiver<Received>,
    spans: Vec<Span>,
    metrics: Vec<ExportMetricsServiceRequest>,
}

impl Collector {
    fn start() -> Self {
        let (to, posted) = channel();
        let port = server::listen(move |stream| take(stream, &to)).port();
        Self { port, posted, spans: Vec::new(), metrics: Vec::new() }
    }

    fn config(&self) -> String {
        format!(
            "telemetry: {{otlp: {{endpoint: \"http://127.0.0.1:{}\", headers: {{x-key: CANARY-KEY}}}}}}\n",
            self.port
        )
    }

    /// Waits for what comes next.
    fn next(&mut self) {
        let posted = self.posted.recv_timeout(Duration::from_secs(60)).expect("something is posted");
        assert!(posted.head.contains("x-key: CANARY-KEY\r\n"), "{}", posted.head);
        assert!(posted.head.contains("content-type: application/x-protobuf\r\n"), "{}", posted.head);
        if posted.head.starts_with("POST /v1/traces ") {
            let request = ExportTraceServiceRequest::decode(&*posted.body).expect("traces");
            let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            self.spans.extend(scopes.flat_map(|scope| scope.spans));
        } else {
            assert!(posted.head.starts_with("POST /v1/metrics "), "{}", posted.head);
            self.metrics.push(ExportMetricsServiceRequest::decode(&*posted.body).expect("metrics"));
        }
    }

    /// The span of a method, once it is there.
    fn span(&mut self, method: &str) -> Span {
        loop {
            if let Some(span) = self.spans.iter().find(|span| span.name == method) {
                return span.clone();
            }
            self.next();
        }
    }
}

/// Keeps each request of a connection.
fn take(stream: TcpStream, to: &Sender<Received>) {
    let mut stream = BufReader::new(stream);
    while let Some(received) = Received::read(&mut stream) {
        let answered = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        if answered.is_err() || to.send(received).is_err() {
            return;
        }
    }
}

fn value(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match &found.value.as_ref()?.value {
        Some(AnyValue::StringValue(text)) => Some(text.clone()),
        other => panic!("{key} is no text: {other:?}"),
    }
}

#[test]
fn calls_are_traced_in_the_clients_own_trace() {
    let mut collector = Collector::start();
    let daemon = Daemon::start_with(&collector.config());
    let a = daemon.tenant("a");
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    a.with_header("traceparent", parent).done("sessions.list", json!({}));
    let span = collector.span("sessions.list");
    assert_eq!(hex::encode(&span.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex::encode(&span.parent_span_id), "00f067aa0ba902b7");
    assert!(span.end_time_unix_nano > span.start_time_unix_nano);
    let told = |key: &str| value(&span.attributes, key);
    assert_eq!(told("openclaw.tenant").as_deref(), Some("a"));
    assert_eq!(told("openclaw.family").as_deref(), Some("sessions"));
    assert_eq!(told("openclaw.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(told("openclaw.outcome").as_deref(), Some("ok"));
    let _ = a.err("agents.delete", json!({ "agentId": "nobody" }));
    let span = collector.span("agents.delete");
    assert_eq!(value(&span.attributes, "openclaw.outcome").as_deref(), Some("NOT_FOUND"));
    assert!(span.parent_span_id.is_empty(), "it is the first of its trace");
    let host = collector.span("tenants.create");
    assert_eq!(value(&host.attributes, "openclaw.family").as_deref(), Some("gateway"));
}

#[test]
fn a_call_inside_another_is_inside_its_span() {
    let mut collector = Collector::start();
    let daemon = Daemon::start_with(&collector.config());
    let a = daemon.tenant("a");
    let caller = params(&built("fixtures/caller.wasm"), json!({ "grants": ["method:sessions.list"] }));
    daemon.operator().done("components.install", caller);
    a.done("caller.call", json!({ "method": "sessions.list" }));
    let (outer, inner) = (collector.span("caller.call"), collector.span("sessions.list"));
    assert_eq!((&inner.trace_id, &inner.parent_span_id), (&outer.trace_id, &outer.span_id));
}

#[test]
fn the_metrics_are_sent_and_what_is_left_at_the_end() {
    let mut collector = Collector::start();
    let mut daemon = Daemon::start_with(&collector.config());
    let a = daemon.tenant("a");
    a.done("health", json!({}));
    daemon.terminate();
    collector.span("health");
    let calls = loop {
        let metrics = collector.metrics.iter().flat_map(|request| &request.resource_metrics);
        let mut metrics = metrics.flat_map(|resource| &resource.scope_metrics).flat_map(|scope| &scope.metrics);
        match metrics.find(|metric| metric.name == "openclaw_calls") {
            Some(metric) => break metric.clone(),
            None => collector.next(),
        }
    };
    let Some(Data::Sum(sum)) = &calls.data else { panic!("{calls:?}") };
    let of_health = |attributes: &[KeyValue]| value(attributes, "family").as_deref() == Some("health");
    assert!(sum.is_monotonic && sum.data_points.iter().any(|point| of_health(&point.attributes)), "{sum:?}");
    assert!(!daemon.log().contains("CANARY-KEY"), "{}", daemon.log());
}

#[test]
fn a_collector_that_hangs_costs_no_call() {
    let (to, asked) = channel();
    let port = server::listen(move |mut stream| {
        let _ = to.send(());
        // Takes what comes, and never answers.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    })
    .port();
    let daemon = Daemon::start_with(&format!("telemetry: {{otlp: {{endpoint: \"http://127.0.0.1:{port}\"}}}}\n"));
    let a = daemon.tenant("a");
    a.done("health", json!({}));
    asked.recv_timeout(PATIENCE).expect("the collector is asked");
    for _ in 0..20 {
        a.done("health", json!({}));
    }
    assert!(asked.try_iter().count() < 20, "each call asked the collector, and waited for it");
}

#[test]
fn a_collector_that_is_not_there_costs_no_call() {
    let collector = Collector::start();
    let config = collector.config().replace(&collector.port.to_string(), "9");
    let daemon = Daemon::start_with(&config);
    let a = daemon.tenant("a");
    for _ in 0..20 {
        a.done("health", json!({}));
    }
    daemon.wait_for_log("the collector of telemetry takes nothing");
    a.done("health", json!({}));
    let metrics = daemon.send(&Request::get("/metrics").token(daemon.operator_token())).text();
    let lost =
        metrics.lines().find_map(|line| line.strip_prefix("openclaw_telemetry_lost_total ")?.parse::<u64>().ok());
    assert!(lost.is_some_and(|lost| lost > 0), "{metrics}");
    assert!(!daemon.log().contains("CANARY-KEY"), "{}", daemon.log());
}
