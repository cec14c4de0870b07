//! Tests of the metrics as Prometheus reads them from `/metrics`, in one-process mode.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use entity::{AlertKind, Timestamp, WebhookFormat};
use runtime::metrics::Metrics;
use store::delivery::QueueCounts;
use tracker::metrics::{BudgetWindow, CallOutcome, Endpoint, TrackerMetrics};
use transport::{Observer, OperationKind, OperationOutcome};

use super::*;

/// The text without the metrics of the process from `/proc`.
fn own_metrics(metrics: &Metrics) -> String {
    let text = metrics.text();
    let process = ["process_", "# HELP process_", "# TYPE process_"];
    text.split_inclusive('\n')
        .filter(|line| !process.iter().any(|prefix| line.starts_with(prefix)))
        .collect()
}

#[test]
fn the_names_and_labels_are_stable() {
    let metrics = Metrics::new("1.2.3", "abcdef");
    let tracker = TrackerMetrics::new(&metrics.meter(), &["alphavantage"]);
    let serve = ServeMetrics::new(&metrics.meter());

    let took = Duration::from_millis(30);
    tracker.provider_called("alphavantage", Endpoint::Quote, CallOutcome::Ok, took);
    let symbol = "AAPL".parse().expect("a symbol");
    tracker.price_recorded(&symbol, "187.23".parse().expect("a price"));
    tracker.alert_triggered(AlertKind::PercentChange);
    tracker.deliveries_attempted(WebhookFormat::Ntfy, false, 2);
    let failing_since = Timestamp::default();
    let counts = QueueCounts {
        pending: 2,
        disabled: 1,
        failing_since: Some(failing_since),
    };
    tracker.deliveries_counted(counts, failing_since.after(Duration::from_mins(5)));
    tracker.batch_ingested(4, took);
    tracker.budget_counted("alphavantage", BudgetWindow::Day, 24);
    serve.request_answered(
        "/api/v1/stocks/{symbol}",
        &Method::GET,
        StatusCode::OK,
        took,
    );
    serve.operation_finished(OperationKind::Query, OperationOutcome::Ok, took);
    serve.feed_followed(took);
    for _ in 0..3 {
        serve.event_delivered(Protocol::Sse, 0);
    }
    serve.client_connected(Protocol::Ws);

    insta::assert_snapshot!("metrics", own_metrics(&metrics));
}

#[test]
fn a_client_is_counted_while_it_is_connected() {
    let metrics = Metrics::new("", "");
    let serve = ServeMetrics::new(&metrics.meter());
    let line = |clients| format!("stock_tracker_websocket_clients{{protocol=\"ws\"}} {clients}\n");
    assert!(metrics.text().contains(&line(0)));
    serve.client_connected(Protocol::Ws);
    assert!(metrics.text().contains(&line(1)));
    serve.client_disconnected(Protocol::Ws);
    assert!(metrics.text().contains(&line(0)));
}

#[test]
fn an_unknown_method_shares_a_label() {
    let metrics = Metrics::new("", "");
    let serve = ServeMetrics::new(&metrics.meter());
    let method = Method::from_bytes(b"BREW").expect("a method");
    serve.request_answered("/", &method, StatusCode::METHOD_NOT_ALLOWED, Duration::ZERO);
    let text = metrics.text();
    assert!(text.contains("method=\"other\"") && !text.contains("BREW"));
}
