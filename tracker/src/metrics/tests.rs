//! Tests of the metrics of tracked symbols.

use runtime::metrics::Metrics;

use super::*;

#[test]
fn an_untracked_symbol_has_no_price() {
    let metrics = Metrics::new("", "");
    let tracker = TrackerMetrics::new(&metrics.meter(), &[]);
    let symbol = |name: &str| name.parse::<Symbol>().expect("a symbol");
    for name in ["AAPL", "IBM"] {
        tracker.price_recorded(&symbol(name), "1.5".parse().expect("a price"));
    }
    let line = |name: &str| format!("stock_tracker_current_price{{symbol=\"{name}\"}} 1.5\n");
    assert!(metrics.text().contains(&line("AAPL")));
    tracker.symbol_untracked(&symbol("AAPL"));
    let text = metrics.text();
    assert!(
        !text.contains("AAPL") && text.contains(&line("IBM")),
        "{text}"
    );
    tracker.stale_counted(3);
    assert!(metrics.text().contains("stock_tracker_stale_symbols 3\n"));
    tracker.tracking_written();
    assert!(metrics.text().contains("stock_tracker_write_age_seconds 0"));
    tracker.tracking_stopped();
    let text = metrics.text();
    assert!(!text.contains("current_price") && !text.contains("write_age"));
    assert!(text.contains("stock_tracker_stale_symbols 0\n"));
}

#[test]
fn deliveries_are_exported_only_by_the_active_tracker() {
    let metrics = Metrics::new("", "");
    let tracker = TrackerMetrics::new(&metrics.meter(), &[]);
    let exported = |name: &str, value: &str| {
        let text = metrics.text();
        let line = format!("stock_tracker_{name} {value}\n");
        assert!(text.contains(&line), "{line}: {text}");
    };
    let start = Timestamp::default();
    tracker.deliveries_counted(QueueCounts::default(), start);
    exported("webhook_failing_seconds", "0");
    let counts = QueueCounts {
        pending: 3,
        disabled: 1,
        failing_since: Some(start),
    };
    tracker.deliveries_counted(counts, start.after(Duration::from_mins(16)));
    exported("deliveries_pending", "3");
    exported("webhooks_disabled", "1");
    exported("webhook_failing_seconds", "960");
    tracker.tracking_stopped();
    let text = metrics.text();
    for name in ["deliveries_pending", "webhooks_disabled", "webhook_failing"] {
        assert!(!text.contains(name), "{name}");
    }
}
