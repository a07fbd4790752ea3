//! What is sent, in OpenTelemetry's own words.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
        ScopeMetrics, Sum, metric::Data, number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::SpanKind, status::StatusCode},
};

use super::Ended;

/// Nanoseconds since 1970.
pub(super) fn now() -> u64 {
    nanoseconds(SystemTime::now())
}

fn nanoseconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

fn attribute(key: &str, value: impl Into<String>) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.into())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn resource() -> Option<Resource> {
    let attributes =
        vec![attribute("service.name", "openclaw"), attribute("service.version", env!("CARGO_PKG_VERSION"))];
    Some(Resource { attributes, ..Resource::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: "openclaw".to_owned(), ..InstrumentationScope::default() })
}

/// A span for each call.
pub(super) fn traces(calls: Vec<Ended>) -> ExportTraceServiceRequest {
    let spans = calls.into_iter().map(span).collect();
    let scope_spans = vec![ScopeSpans { scope: scope(), spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: resource(), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }
}

fn span(Ended { call, took, code }: Ended) -> Span {
    let started = nanoseconds(call.at);
    let mut attributes = vec![
        attribute("rpc.system.name", "jsonrpc"),
        attribute("rpc.method", &*call.method),
        attribute("openclaw.family", call.family),
        attribute("openclaw.version", call.version),
        attribute("openclaw.outcome", code.as_deref().unwrap_or("ok")),
        attribute("openclaw.request_id", &*call.request_id),
    ];
    attributes.extend(call.tenant.map(|tenant| attribute("openclaw.tenant", tenant)));
    // A failure of ours, and not a refusal.
    let failed = code.is_some_and(|code| matches!(&*code, "INTERNAL" | "COMPONENT_FAILED" | "UNAVAILABLE"));
    let status = if failed { StatusCode::Error } else { StatusCode::Unset };
    Span {
        trace_id: call.trace.id.to_vec(),
        span_id: call.trace.span.to_vec(),
        parent_span_id: call.trace.parent.map(|parent| parent.to_vec()).unwrap_or_default(),
        name: call.method.to_string(),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: started,
        end_time_unix_nano: started.saturating_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)),
        attributes,
        status: Some(Status { code: status.into(), ..Status::default() }),
        ..Span::default()
    }
}

/// The metrics, of which the registry knows the text alone.
pub(super) fn metrics(text: &str, started: u64) -> ExportMetricsServiceRequest {
    let reading = Reading { started, now: now() };
    let mut metrics: Vec<Metric> = Vec::new();
    let mut description = String::new();
    for line in text.lines() {
        match line.strip_prefix("# ").map(|told| told.splitn(3, ' ').collect::<Vec<_>>()).as_deref() {
            Some(["HELP", _, help]) => (*help).clone_into(&mut description),
            Some(["TYPE", name, kind]) => metrics.extend(empty(name, kind, &description)),
            Some(_) => {}
            None => {
                if let Some(metric) = metrics.last_mut() {
                    reading.sample(metric, line);
                }
            }
        }
    }
    let scope_metrics = vec![ScopeMetrics { scope: scope(), metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { resource: resource(), scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }
}

/// One look at all metrics.
struct Reading {
    started: u64,
    now: u64,
}

/// A metric without its samples; its unit ends its name.
fn empty(name: &str, kind: &str, description: &str) -> Option<Metric> {
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    let data = match kind {
        "counter" => Data::Sum(Sum { data_points: Vec::new(), aggregation_temporality, is_monotonic: true }),
        "gauge" => Data::Gauge(Gauge::default()),
        "histogram" => Data::Histogram(Histogram { data_points: Vec::new(), aggregation_temporality }),
        _ => return None,
    };
    let unit = match name.rsplit('_').next() {
        Some("seconds") => "s",
        Some("bytes") => "By",
        _ => "1",
    };
    Some(Metric {
        name: name.strip_suffix("_total").unwrap_or(name).to_owned(),
        description: description.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    })
}

impl Reading {
    /// A line such as `name_total{family="a"} 1`.
    fn sample(&self, metric: &mut Metric, line: &str) {
        let Some((named, value)) = line.rsplit_once(' ') else { return };
        let Ok(value) = value.parse::<f64>() else { return };
        let (name, labels) = named.split_once('{').unwrap_or((named, ""));
        let part = name.strip_prefix(&*metric.name).unwrap_or_default().to_owned();
        let mut attributes = labels_of(labels);
        match &mut metric.data {
            Some(Data::Sum(sum)) => sum.data_points.push(self.number(attributes, value)),
            Some(Data::Gauge(gauge)) => gauge.data_points.push(self.number(attributes, value)),
            Some(Data::Histogram(histogram)) => {
                let bound = attributes.iter().position(|label| label.key == "le").map(|at| attributes.remove(at));
                let point = self.histogram_point(&mut histogram.data_points, attributes);
                add(point, &part, bound.as_ref(), value);
            }
            _ => {}
        }
    }

    fn number(&self, attributes: Vec<KeyValue>, value: f64) -> NumberDataPoint {
        NumberDataPoint {
            attributes,
            start_time_unix_nano: self.started,
            time_unix_nano: self.now,
            value: Some(number_data_point::Value::AsDouble(value)),
            ..NumberDataPoint::default()
        }
    }

    fn histogram_point<'p>(
        &self,
        points: &'p mut Vec<HistogramDataPoint>,
        attributes: Vec<KeyValue>,
    ) -> &'p mut HistogramDataPoint {
        // All lines of one point stand together.
        let at = points.len();
        if points.last().is_some_and(|last| last.attributes == attributes) {
            return &mut points[at - 1];
        }
        points.push(HistogramDataPoint {
            attributes,
            start_time_unix_nano: self.started,
            time_unix_nano: self.now,
            ..HistogramDataPoint::default()
        });
        &mut points[at]
    }
}

/// Adds a part of a histogram. Its buckets are counted up from the smallest, and each is its own here.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
fn add(point: &mut HistogramDataPoint, part: &str, bound: Option<&KeyValue>, value: f64) {
    match part {
        "_sum" => point.sum = Some(value),
        "_count" => point.count = value as u64,
        _ => {
            let below: u64 = point.bucket_counts.iter().sum();
            point.bucket_counts.push((value as u64).saturating_sub(below));
            let bound = bound.and_then(|label| label.value.as_ref()?.value.as_ref());
            if let Some(Value::StringValue(bound)) = bound
                && let Ok(bound) = bound.parse::<f64>()
                && bound.is_finite()
            {
                point.explicit_bounds.push(bound);
            }
        }
    }
}

/// `a="b",c="d"}`: values are ids, versions and codes, in which nothing is escaped.
fn labels_of(text: &str) -> Vec<KeyValue> {
    let pairs = text.trim_end_matches('}').split("\",").filter_map(|pair| pair.split_once("=\""));
    pairs.map(|(key, value)| attribute(key, value.trim_end_matches('"'))).collect()
}

#[cfg(test)]
mod tests;
