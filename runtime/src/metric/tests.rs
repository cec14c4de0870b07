//! The text output of the metrics.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use entity::{AlertKind, Symbol};

use super::*;

fn symbol(text: &str) -> Symbol {
    text.parse().expect("a symbol")
}

/// The text without the metrics of the process from `/proc`.
fn ours(metrics: &Metrics) -> String {
    let text = metrics.text();
    let theirs = ["process_", "# HELP process_", "# TYPE process_"];
    text.split_inclusive('\n')
        .filter(|line| !theirs.iter().any(|begin| line.starts_with(begin)))
        .collect()
}

#[test]
fn the_names_are_those_that_were_promised() {
    let metrics = Metrics::new("1.2.3", "abcdef");
    let tracker = TrackerMetrics::new(&metrics.meter(), &["alphavantage"]);
    let serve = ServeMetrics::new(&metrics.meter());

    let took = Duration::from_millis(30);
    tracker.provider_called("alphavantage", Endpoint::Quote, CallOutcome::Ok, took);
    tracker.price_recorded(&symbol("AAPL"), "187.23".parse().expect("a price"));
    tracker.alert_triggered(AlertKind::PercentChange);
    tracker.batch_ingested(4, took);
    tracker.budget_counted("alphavantage", BudgetWindow::Day, 24);
    serve.request_answered(
        "/api/v1/stocks/{symbol}",
        &Method::GET,
        StatusCode::OK,
        took,
    );
    serve.operation_ended(OperationKind::Query, OperationOutcome::Ok, took);
    serve.feed_followed(took);
    serve.events_delivered(Protocol::Sse, 3);
    let _client = serve.client_connected(Protocol::Ws);

    insta::assert_snapshot!("metrics", ours(&metrics));
}

#[test]
fn the_system_tells_of_this_process() {
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
fn an_untracked_symbol_has_no_price() {
    let metrics = Metrics::new("", "");
    let tracker = TrackerMetrics::new(&metrics.meter(), &[]);
    for name in ["AAPL", "IBM"] {
        tracker.price_recorded(&symbol(name), "1.5".parse().expect("a price"));
    }
    let line = |name: &str| format!("stock_tracker_current_price{{symbol=\"{name}\"}} 1.5\n");
    assert!(ours(&metrics).contains(&line("AAPL")));
    tracker.symbol_untracked(&symbol("AAPL"));
    let text = ours(&metrics);
    assert!(
        !text.contains("AAPL") && text.contains(&line("IBM")),
        "{text}"
    );
    tracker.stale_counted(3);
    assert!(ours(&metrics).contains("stock_tracker_stale_symbols 3\n"));
    tracker.tracking_written();
    assert!(ours(&metrics).contains("stock_tracker_write_age_seconds 0"));
    tracker.tracking_stopped();
    assert!(!ours(&metrics).contains("current_price"));
    assert!(!ours(&metrics).contains("write_age"));
    assert!(ours(&metrics).contains("stock_tracker_stale_symbols 0\n"));
}

#[test]
fn a_client_is_counted_for_as_long_as_it_is_connected() {
    let metrics = Metrics::new("", "");
    let serve = ServeMetrics::new(&metrics.meter());
    let line = |clients| {
        format!("stock_tracker_websocket_clients{{protocol=\"graphql_transport_ws\"}} {clients}\n")
    };
    assert!(ours(&metrics).contains(&line(0)));
    let client = serve.client_connected(Protocol::GraphqlTransportWs);
    assert!(ours(&metrics).contains(&line(1)));
    drop(client);
    assert!(ours(&metrics).contains(&line(0)));
}

#[test]
fn more_symbols_than_the_library_expects_all_have_their_price() {
    let metrics = Metrics::new("", "");
    let tracker = TrackerMetrics::new(&metrics.meter(), &[]);
    for number in 0..3_000 {
        tracker.price_recorded(
            &symbol(&format!("S{number}")),
            "1".parse().expect("a price"),
        );
    }
    let text = ours(&metrics);
    assert_eq!(text.matches("stock_tracker_current_price{").count(), 3_000);
    assert!(!text.contains("otel_metric_overflow"));
}

#[test]
fn a_made_up_method_is_no_label() {
    let metrics = Metrics::new("", "");
    let serve = ServeMetrics::new(&metrics.meter());
    let method = Method::from_bytes(b"BREW").expect("a method");
    serve.request_answered("/", &method, StatusCode::METHOD_NOT_ALLOWED, Duration::ZERO);
    let text = ours(&metrics);
    assert!(text.contains("method=\"other\"") && !text.contains("BREW"));
}
