//! Tests of the metrics in the text format of Prometheus.

use opentelemetry::metrics::AsyncInstrument;

use super::*;

#[test]
fn the_metrics_of_the_process_are_included() {
    let text = Metrics::of_this_build().text();
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        assert!(text.contains(&format!("# TYPE {name} ")), "{text}");
    }
}

#[test]
fn an_observable_gauge_has_more_series_than_the_default_of_the_library() {
    let metrics = Metrics::new("", "");
    let observe = |observer: &dyn AsyncInstrument<f64>| {
        for number in 0..3_000 {
            observer.observe(1.0, &[KeyValue::new("symbol", format!("S{number}"))]);
        }
    };
    let meter = metrics.meter();
    let gauge = meter.f64_observable_gauge("price");
    gauge.with_callback(observe).build();
    let text = metrics.text();
    assert_eq!(text.matches("stock_tracker_price{").count(), 3_000);
    assert!(!text.contains("otel_metric_overflow"));
}
