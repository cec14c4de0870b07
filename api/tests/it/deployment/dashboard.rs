//! Tests of the Grafana dashboard: each panel has data from the running programs.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::TestDatabaseUrl;

use super::{Prometheus, QUERIES, list, shipped, text, word, yaml};
use crate::{
    client::Client,
    exchange::Exchange,
    kraken::Kraken,
    process::until,
    product::{Home, Product},
};

/// The dashboard for Grafana's import page.
const IMPORTABLE: &str = "grafana-dashboard.json";

fn panels() -> Vec<Value> {
    let board: Value =
        serde_json::from_str(&text("deploy/grafana/dashboards/stock-tracker.json")).expect("JSON");
    let panels = list(&board["panels"]).iter();
    let panels = panels.filter(|it| it["type"] != "row").cloned();
    panels.collect()
}

/// The title and the queries of each panel.
fn questions(panels: &[Value]) -> Vec<(String, String)> {
    let each = panels.iter().flat_map(|panel| {
        let title = word(&panel["title"]);
        let targets = list(&panel["targets"]).iter();
        targets.map(move |it| (title.to_owned(), word(&it["expr"]).to_owned()))
    });
    each.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_panel_has_data() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let exchange = Exchange::open().await;
    exchange.quote("AAPL", "187.5", "170");
    let kraken = Kraken::open().await;
    let variables = kraken.settings(&[
        ("PROVIDER", "alphavantage,kraken"),
        ("DEFAULT_SYMBOLS", "AAPL,IBM,BTC/USD,ETH/USD"),
    ]);
    let product = home.track(&exchange, &variables).await;
    let _trading = kraken.trade();
    kraken.is_streaming(&product).await;
    let prometheus = Prometheus::watch(&home, &product);
    let mut open = questions(&panels());
    assert!(open.len() > 25, "{open:?}");
    let mut round = 0;
    loop {
        traffic(&exchange, &product, round).await;
        let mut left = Vec::new();
        for (title, query) in open {
            if prometheus.number(&query).await.is_none() {
                left.push((title, query));
            }
        }
        open = left;
        round += 1;
        if open.is_empty() {
            break;
        }
        let words = prometheus.last_words();
        assert!(round < 60, "without data: {open:#?}\n{words}");
    }
}

/// Causes every kind of event that is counted: reads, errors, prices, connections.
async fn traffic(exchange: &Exchange, product: &Product, round: u32) {
    exchange.quote("AAPL", &format!("188.{round:02}"), "170");
    let plain = Client::plain(product).await;
    let mut graphql = Client::graphql(product, json!({})).await;
    let query = "subscription { priceUpdates { price } }";
    graphql.subscribe("p", query, json!({})).await;
    graphql.next("p").await;
    product.get("/api/v1/stocks").await;
    product.get("/api/v1/stocks/NOPE").await;
    product.ask("{ stocks { nodes { symbol } } }").await;
    product.graphql("{ nope }", json!({})).await;
    let refresh = r#"mutation { refreshStock(input: {symbol: "AAPL"}) { stock { id } } }"#;
    product.graphql(refresh, json!({})).await;
    let polled = product.admin(refresh, json!({})).await;
    assert_eq!(polled.status, 200, "{}", polled.text);
    let seconds = exchange.asked("AAPL");
    until(
        "the stock is polled again",
        || product.last_words(),
        async || (exchange.asked("AAPL") > seconds).then_some(()),
    )
    .await;
    drop((plain, graphql));
}

#[test]
fn the_queries_of_the_readme_are_on_the_dashboard() {
    let questions = questions(&panels());
    let asked: BTreeSet<&str> = questions.iter().map(|(_, query)| &**query).collect();
    let readme = text("README.md");
    for query in QUERIES {
        assert!(asked.contains(query), "{query} is on no panel");
        assert!(readme.contains(query), "{query} is not in README.md");
    }
}

/// Generates the dashboard for the import page, which asks the user for the data source.
fn importable() -> String {
    const INPUTS: &str = r#"{
  "__inputs": [
    {
      "name": "DS_PROMETHEUS",
      "label": "Prometheus",
      "description": "The Prometheus that scrapes Stock Tracker",
      "type": "datasource",
      "pluginId": "prometheus",
      "pluginName": "Prometheus"
    }
  ],
  "__requires": [
    {
      "type": "grafana",
      "id": "grafana",
      "name": "Grafana",
      "version": "10.0.0"
    },
    {
      "type": "datasource",
      "id": "prometheus",
      "name": "Prometheus",
      "version": "1.0.0"
    }
  ],
"#;
    let provisioned = text("deploy/grafana/dashboards/stock-tracker.json");
    let panels = provisioned.strip_prefix("{\n").expect("an object");
    let panels = panels.replace(r#""uid": "prometheus""#, r#""uid": "${DS_PROMETHEUS}""#);
    INPUTS.to_owned() + &panels
}

#[test]
fn the_importable_dashboard_is_fresh() {
    let fresh = importable();
    #[expect(
        clippy::disallowed_methods,
        reason = "asks whether to rewrite the file"
    )]
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(shipped(IMPORTABLE), fresh).expect("written");
        return;
    }
    assert!(
        text(IMPORTABLE) == fresh,
        "{IMPORTABLE} is out of date: run make generate"
    );
}

#[test]
fn every_panel_of_the_importable_dashboard_uses_the_chosen_data_source() {
    let board: Value = serde_json::from_str(&text(IMPORTABLE)).expect("JSON");
    let input = &list(&board["__inputs"])[0];
    assert_eq!(
        (&input["name"], &input["type"]),
        (&json!("DS_PROMETHEUS"), &json!("datasource"))
    );
    let mut sources = 0;
    let mut left = vec![&board];
    while let Some(value) = left.pop() {
        if let Some(source) = value.get("datasource") {
            assert_eq!(source["uid"], "${DS_PROMETHEUS}", "{value}");
            sources += 1;
        }
        left.extend(value.as_array().into_iter().flatten());
        left.extend(value.as_object().into_iter().flat_map(|it| it.values()));
    }
    assert!(sources > 25, "{sources}");
}

#[test]
fn panels_do_not_overlap_and_use_the_provisioned_data_source() {
    let source = yaml(&text(
        "deploy/grafana/provisioning/datasources/prometheus.yml",
    ));
    let source = &source["datasources"][0]["uid"];
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels() {
        assert!(ids.insert(panel["id"].as_u64()), "twice: {}", panel["id"]);
        assert!(!word(&panel["description"]).is_empty(), "{panel}");
        for target in list(&panel["targets"]) {
            assert_eq!(&target["datasource"]["uid"], source, "{target}");
        }
        let side = |name| panel["gridPos"][name].as_u64().expect("a number");
        assert!(side("x") + side("w") <= 24, "beyond the edge: {panel}");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "over another: {panel}");
            }
        }
    }
}
