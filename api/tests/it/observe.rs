//! The metrics that Prometheus reads: documented names, and existing queries.

use std::{
    collections::BTreeSet,
    io::Write,
    net::SocketAddr,
    process::{Command, Stdio},
    sync::Mutex,
};

use reqwest::Method;
use serde_json::json;

use crate::{
    answer::{Answer, browser},
    client::Client,
    databases::on_both,
    deployment::{Prometheus, QUERIES, program},
    exchange::Exchange,
    process::until,
    product::Product,
};

/// Metrics of the process that tracks: the name, and the labels of each series.
const TRACKING: [(&str, &[&str]); 13] = [
    ("api_calls_total", &["endpoint", "outcome", "provider"]),
    ("api_call_duration_seconds_count", &["endpoint", "provider"]),
    ("current_price", &["symbol"]),
    ("alerts_triggered_total", &["kind"]),
    ("ingest_batch_size_count", &[]),
    ("ingest_duration_seconds_count", &[]),
    ("provider_budget_left", &["provider", "window"]),
    ("stale_symbols", &[]),
    ("write_age_seconds", &[]),
    ("deliveries_attempted_total", &["format", "outcome"]),
    ("deliveries_pending", &[]),
    ("webhooks_disabled", &[]),
    ("webhook_failing_seconds", &[]),
];
/// Metrics of `api`.
const SERVING: [(&str, &[&str]); 8] = [
    ("websocket_clients", &["protocol"]),
    (
        "http_request_duration_seconds_count",
        &["method", "route", "status"],
    ),
    (
        "graphql_operation_duration_seconds_count",
        &["operation", "outcome"],
    ),
    ("feed_lag_seconds", &[]),
    ("deliveries_total", &["protocol"]),
    ("conflated_total", &["protocol"]),
    ("subscribers_closed_total", &["protocol", "reason"]),
    ("build_info", &["revision", "version"]),
];
on_both! {
    async fn prometheus_reads_the_documented_metrics(home) {
        let exchange = Exchange::open().await;
        exchange.quote("AAPL", "187.12345678", "178.2");
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL")]).await;
        let prometheus = Prometheus::watch(&home, &product);
        let plain = Client::plain(&product).await;
        let mut graphql = Client::graphql(&product, json!({})).await;
        graphql.subscribe("p", "subscription { priceUpdates { price } }", json!({})).await;
        graphql.next("p").await;
        product.get("/api/v1/stocks/AAPL").await;

        every_metric_is_present(&product).await;
        no_label_comes_from_requests(&product).await;
        for metrics in [product.metrics, product.tracking_metrics] {
            promtool_has_no_complaints(&scraped(metrics).await);
        }
        // The gauge has the tracked symbols only.
        let untrack = r#"mutation { untrackStock(input: {symbol: "AAPL"}) { stock { id } } }"#;
        for query in QUERIES {
            let report = || format!("{}\n{}", prometheus.last_words(), product.last_words());
            until(&format!("{query} has data"), report, async || prometheus.number(query).await).await;
        }
        product.admin(untrack, json!({})).await.data();
        until("the price is gone", || product.last_words(), async || {
            let text = scraped(product.tracking_metrics).await;
            (!text.contains("stock_tracker_current_price{")).then_some(())
        })
        .await;
        drop((plain, graphql));
    }
}

pub(crate) async fn scraped(metrics: SocketAddr) -> String {
    let answer = Answer::to(browser().get(format!("http://{metrics}/metrics"))).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    answer.text
}

/// The label sets of a metric.
fn labels(text: &str, name: &str) -> BTreeSet<Vec<String>> {
    let full = format!("stock_tracker_{name}");
    let series = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(&*full)?;
        let labels = match rest.strip_prefix('{') {
            // Route templates contain braces.
            Some(rest) => rest.rsplit_once("} ")?.0,
            None if rest.starts_with(' ') => "",
            None => return None,
        };
        let names = labels.split("\",").filter_map(|pair| pair.split_once('='));
        Some(names.map(|(name, _)| name.to_owned()).collect())
    });
    series.collect()
}

async fn every_metric_is_present(product: &Product) {
    let lacking = Mutex::new(Vec::new());
    let complete = async || {
        let serving = scraped(product.metrics).await;
        let tracking = scraped(product.tracking_metrics).await;
        let promised = SERVING.iter().map(|it| (&serving, it));
        let promised = promised.chain(TRACKING.iter().map(|it| (&tracking, it)));
        let wrong = promised.filter(|(text, (name, wanted))| {
            let wanted = wanted.iter().map(|it| (*it).to_owned()).collect();
            labels(text, name) != BTreeSet::from([wanted])
        });
        let wrong: Vec<&str> = wrong.map(|(_, (name, _))| *name).collect();
        let done = wrong.is_empty();
        *lacking.lock().expect("no panic") = wrong;
        done.then_some((serving, tracking))
    };
    let report = || format!("lacking: {:?}", lacking.lock().expect("no panic"));
    let what = "every series is there with its labels";
    let (serving, tracking) = until(what, report, complete).await;
    for line in [serving.lines(), tracking.lines()].into_iter().flatten() {
        let name = line.strip_prefix("# TYPE ").unwrap_or("stock_tracker_");
        let ours = name.starts_with("stock_tracker_") || name.starts_with("process_");
        assert!(ours, "{line}");
    }
    assert!(tracking.contains("stock_tracker_current_price{symbol=\"AAPL\"} 187.12345678"));
    for protocol in ["ws", "graphql_transport_ws"] {
        let one = format!("stock_tracker_websocket_clients{{protocol=\"{protocol}\"}} 1\n");
        assert!(serving.contains(&one), "{serving}");
    }
    // A metric that one process maintains is not exported by the other.
    if product.tracker.is_some() {
        assert!(
            !serving.contains("stock_tracker_api_calls_total{"),
            "{serving}"
        );
        assert!(
            !tracking.contains("stock_tracker_websocket_clients{"),
            "{tracking}"
        );
    }
}

async fn no_label_comes_from_requests(product: &Product) {
    for at in 0..20 {
        for path in ["/api/v1/stocks/S", "/nope/", "/api/v1/nope", "/graphql/"] {
            product.get(&format!("{path}{at}")).await;
        }
        let method = Method::from_bytes(format!("BREW{at}").as_bytes()).expect("a method");
        Answer::to(product.request(method, "/api/v1/stocks")).await;
        product
            .graphql(&format!("query Named{at} {{ __typename }}"), json!({}))
            .await;
    }
    let text = scraped(product.metrics).await;
    for drawn in ["S1", "nope", "BREW", "Named"] {
        assert!(!text.contains(drawn), "{drawn} is in {text}");
    }
    let counts = text
        .lines()
        .filter(|it| it.starts_with("stock_tracker_http_request_duration_seconds_count"));
    assert!(counts.count() < 20, "{text}");
    assert!(text.contains("route=\"/api/v1/stocks/{symbol}\""), "{text}");
}

fn promtool_has_no_complaints(text: &str) {
    let mut promtool = Command::new(program("promtool", "prometheus"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut input = promtool.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("read");
    drop(input);
    let done = promtool.wait_with_output().expect("the end");
    let output = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success() && output.is_empty(), "{output}");
}
