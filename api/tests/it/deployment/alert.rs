//! Tests of the alerting rules: each fires when expected, uses existing metrics and has a runbook.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;
use testkit::TestDatabaseUrl;

use super::{Prometheus, list, program, shipped, text, word, yaml};
use crate::{exchange::Exchange, kraken::Kraken, observe::scraped, process::until, product::Home};

fn rules() -> Vec<Value> {
    let file = yaml(&text("deploy/prometheus/alerts.yml"));
    let groups = list(&file["groups"]).iter();
    groups
        .flat_map(|group| list(&group["rules"]).to_vec())
        .collect()
}

#[test]
fn every_alert_has_a_promtool_test_in_which_it_fires_and_one_in_which_it_does_not() {
    let tested = Command::new(program("promtool", "prometheus"))
        .args(["test", "rules", "alerts.test.yml"])
        .current_dir(shipped("deploy/prometheus"))
        .output()
        .expect("executed");
    let output = String::from_utf8_lossy(&[tested.stdout, tested.stderr].concat()).into_owned();
    assert!(tested.status.success(), "{output}");
    // How often each alert is expected to fire, and not to fire.
    let mut expected: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    let file = yaml(&text("deploy/prometheus/alerts.test.yml"));
    for test in list(&file["tests"]) {
        for moment in list(&test["alert_rule_test"]) {
            let quiet = list(&moment["exp_alerts"]).is_empty();
            let name = word(&moment["alertname"]).to_owned();
            expected.entry(name).or_default()[usize::from(quiet)] += 1;
        }
    }
    for rule in rules() {
        let name = word(&rule["alert"]);
        let [fires, quiet] = expected.get(name).copied().unwrap_or_default();
        assert!(fires > 0 && quiet > 0, "{name}: {fires}, {quiet}");
    }
}

#[test]
fn every_alert_has_a_severity_a_description_and_a_runbook() {
    let page = text("docs/operations.md");
    for rule in rules() {
        let name = word(&rule["alert"]);
        let severity = word(&rule["labels"]["severity"]);
        assert!(["critical", "warning"].contains(&severity), "{name}");
        let notes = &rule["annotations"];
        assert!(!word(&notes["summary"]).is_empty(), "{name}");
        assert!(!word(&notes["description"]).is_empty(), "{name}");
        let runbook = format!("docs/operations.md#{}", name.to_lowercase());
        assert_eq!(word(&notes["runbook"]), runbook);
        let heading = format!("\n#### {name}\n");
        assert!(page.contains(&heading), "{name} has no heading");
    }
}

/// The names of metrics in an expression.
fn metrics(expression: &str) -> Vec<&str> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let ours = words.filter(|it| it.starts_with("stock_tracker_") || it.starts_with("process_"));
    ours.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_alert_uses_exported_metrics_and_a_killed_tracker_is_detected() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let exchange = Exchange::open().await;
    exchange.quote("AAPL", "187.5", "170");
    // Its stream has metrics.
    let kraken = Kraken::open().await;
    let variables = kraken.settings(&[
        ("PROVIDER", "alphavantage,kraken"),
        ("DEFAULT_SYMBOLS", "AAPL"),
    ]);
    let mut product = home.track(&exchange, &variables).await;
    product.get("/api/v1/stocks").await;
    let prometheus = Prometheus::watch(&home, &product);
    let report = || prometheus.last_words();
    until("Prometheus has the price", report, async || {
        prometheus.number("stock_tracker_current_price").await
    })
    .await;
    let metrics_text = scraped(product.metrics).await + &scraped(product.tracking_metrics).await;
    for rule in rules() {
        for metric in metrics(word(&rule["expr"])) {
            assert!(
                metrics_text.contains(&format!("\n{metric}")),
                "{metric} is not exported"
            );
        }
    }
    let state = async |name: &str| {
        let data = prometheus.api("rules", &[("type", "alert")]).await?;
        let groups = list(&data["groups"]).iter();
        let mut rules = groups.flat_map(|group| list(&group["rules"]));
        let rule = rules.find(|rule| rule["name"] == name)?;
        (rule["health"] == "ok").then(|| word(&rule["state"]).to_owned())
    };
    for rule in rules() {
        let name = word(&rule["alert"]);
        // May fire on a busy machine.
        if name.contains("Slow") {
            continue;
        }
        until(&format!("{name} is inactive"), report, async || {
            state(name).await.filter(|state| state == "inactive")
        })
        .await;
    }
    product.tracker.as_mut().expect("one").kill();
    until(
        "the alert for a dead tracker is pending",
        report,
        async || {
            let down = state("StockTrackerTrackerDown").await;
            down.filter(|state| state == "pending")
        },
    )
    .await;
    let up = state("StockTrackerApiDown").await;
    assert_eq!(up.as_deref(), Some("inactive"));
}
