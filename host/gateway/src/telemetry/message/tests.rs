use super::*;

const TEXT: &str = "\
# HELP openclaw_calls Calls, by family.
# TYPE openclaw_calls counter
openclaw_calls_total{family=\"health\",outcome=\"ok\"} 2
openclaw_calls_total{family=\"sessions\",outcome=\"ok\"} 3
# HELP openclaw_call_seconds How long.
# TYPE openclaw_call_seconds histogram
# UNIT openclaw_call_seconds seconds
openclaw_call_seconds_sum{family=\"health\"} 0.5
openclaw_call_seconds_count{family=\"health\"} 4
openclaw_call_seconds_bucket{le=\"0.1\",family=\"health\"} 1
openclaw_call_seconds_bucket{le=\"1.0\",family=\"health\"} 3
openclaw_call_seconds_bucket{le=\"+Inf\",family=\"health\"} 4
# HELP openclaw_tenants Tenants.
# TYPE openclaw_tenants gauge
openclaw_tenants 7
# EOF
";

fn read() -> Vec<Metric> {
    metrics(TEXT, 1).resource_metrics.remove(0).scope_metrics.remove(0).metrics
}

#[test]
fn counters_and_gauges_are_read_with_their_labels() {
    let metrics = read();
    let names: Vec<_> = metrics.iter().map(|metric| (&*metric.name, &*metric.description)).collect();
    assert_eq!(
        names,
        [
            ("openclaw_calls", "Calls, by family."),
            ("openclaw_call_seconds", "How long."),
            ("openclaw_tenants", "Tenants.")
        ]
    );
    let Some(Data::Sum(sum)) = &metrics[0].data else { panic!("{:?}", metrics[0]) };
    assert!(sum.is_monotonic);
    let points: Vec<_> = sum.data_points.iter().map(|point| (point.attributes.clone(), point.value)).collect();
    let of = |family| vec![attribute("family", family), attribute("outcome", "ok")];
    let number = |value| Some(number_data_point::Value::AsDouble(value));
    assert_eq!(points, [(of("health"), number(2.0)), (of("sessions"), number(3.0))]);
    let Some(Data::Gauge(gauge)) = &metrics[2].data else { panic!("{:?}", metrics[2]) };
    assert_eq!(gauge.data_points[0].value, number(7.0));
}

#[test]
fn each_bucket_of_a_histogram_has_its_own_count() {
    let metrics = read();
    let Some(Data::Histogram(histogram)) = &metrics[1].data else { panic!("{:?}", metrics[1]) };
    let [point] = &*histogram.data_points else { panic!("{histogram:?}") };
    assert_eq!((point.count, point.sum), (4, Some(0.5)));
    assert_eq!((&*point.bucket_counts, &*point.explicit_bounds), (&[1, 2, 1][..], &[0.1, 1.0][..]));
    assert_eq!((point.attributes.clone(), &*metrics[1].unit), (vec![attribute("family", "health")], "s"));
}
