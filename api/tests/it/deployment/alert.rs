//! Every alert fires when it should and not otherwise, is about what there is, and has its page.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;
use testkit::TestDatabaseUrl;

use super::{Prometheus, list, program, shipped, text, word, yaml};
use crate::{exchange::Exchange, observe::scraped, process::until, product::Home};

fn rules() -> Vec<Value> {
    let file = yaml(&text("deploy/prometheus/alerts.yml"));
    let groups = list(&file["groups"]).iter();
    groups
        .flat_map(|group| list(&group["rules"]).to_vec())
        .collect()
}

#[test]
fn promtool_sees_each_fire_and_keep_quiet() {
    let tested = Command::new(program("promtool", "prometheus"))
        .args(["test", "rules", "alerts.test.yml"])
        .current_dir(shipped("deploy/prometheus"))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&[tested.stdout, tested.stderr].concat()).into_owned();
    assert!(tested.status.success(), "{said}");
    // How often each is expected to fire, and to be quiet.
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
fn each_says_how_bad_it_is_and_what_to_do() {
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
async fn they_are_about_what_the_programs_tell_and_notice_a_tracker_that_dies() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let exchange = Exchange::open().await;
    exchange.quote("AAPL", "187.5", "170");
    let mut product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL")]).await;
    product.get("/api/v1/stocks").await;
    let prometheus = Prometheus::watch(&home, &product);
    let tell = || prometheus.last_words();
    until("the price is shown", tell, async || {
        prometheus.number("stock_tracker_current_price").await
    })
    .await;
    let told = scraped(product.metrics).await + &scraped(product.tracking_metrics).await;
    for rule in rules() {
        for metric in metrics(word(&rule["expr"])) {
            assert!(
                told.contains(&format!("\n{metric}")),
                "{metric} is told by nobody"
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
        // How quick a busy machine is, is another matter.
        if name.contains("Slow") {
            continue;
        }
        until(&format!("{name} is quiet"), tell, async || {
            state(name).await.filter(|state| state == "inactive")
        })
        .await;
    }
    product.tracker.as_mut().expect("one").kill();
    until("somebody will be told", tell, async || {
        let down = state("StockTrackerTrackerDown").await;
        down.filter(|state| state == "pending")
    })
    .await;
    let up = state("StockTrackerApiDown").await;
    assert_eq!(up.as_deref(), Some("inactive"));
}
