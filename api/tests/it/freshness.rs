//! Tests of the freshness of prices in GraphQL, REST, `/ws` and metrics, and of alerts for old
//! quotes.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use testkit::TestDatabaseUrl;

use crate::{
    client::Client,
    databases::on_both,
    exchange::Exchange,
    process::until,
    product::{Home, Product},
};

const CONDITION: &str = "{ stocks { nodes { symbol stale freshness note market } } }";

/// Waits until the metric counts this many stale symbols.
async fn until_stale(product: &Product, symbols: usize) {
    let url = format!("http://{}/metrics", product.tracking_metrics);
    let line = format!("\nstock_tracker_stale_symbols {symbols}\n");
    let counted = async || {
        let text = reqwest::get(&url).await.ok()?.text().await.ok()?;
        text.contains(&line).then_some(())
    };
    until(&line, || product.last_words(), counted).await;
}

on_both! {
    async fn a_quote_from_years_ago_is_stored_and_stale_and_fires_nothing(home) {
        let exchange = Exchange::open().await;
        exchange.quote_of("2022-10-27", "TWTR", "53.7", "50");
        exchange.quote("IBM", "106", "100");
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "IBM,TWTR")]).await;
        let query = "{ alerts { nodes { symbol } } stock(symbol: \"TWTR\") { latestPrice { tradingDay } } }";
        let both = |data: &Value| {
            let alerts = data["alerts"]["nodes"].as_array().expect("a list");
            let stored = data["stock"]["latestPrice"]["tradingDay"] == "2022-10-27";
            (stored && !alerts.is_empty()).then(|| alerts.clone())
        };
        let alerts = product.until_data("both are stored", query, both).await;
        assert_eq!(alerts, [json!({"symbol": "IBM"})]);

        let mut plain = Client::plain(&product).await;
        exchange.quote_of("2022-10-27", "TWTR", "54.1", "50");
        let frame = plain.receive().await;
        assert_eq!(frame["type"], "stock_update", "{frame}");
        let payload = &frame["payload"];
        assert_eq!(payload["symbol"], "TWTR", "{frame}");
        assert_eq!((&payload["stale"], &payload["freshness"]), (&json!(true), &json!("OLD")));
        exchange.quote("IBM", "107", "100");
        let payload = plain.receive().await["payload"].take();
        assert_eq!((&payload["stale"], &payload["freshness"]), (&json!(false), &json!("CURRENT")));

        let data = product.ask(CONDITION).await;
        assert_eq!(data["stocks"]["nodes"], json!([
            {"symbol": "IBM", "stale": false, "freshness": "CURRENT", "note": null, "market": "US"},
            {"symbol": "TWTR", "stale": true, "freshness": "OLD",
             "note": "the newest price is of 2022-10-27", "market": "US"},
        ]));
        let listed = product.get("/api/v1/stocks").await.json();
        assert_eq!(listed[1], product.get("/api/v1/stocks/TWTR").await.json());
        assert_eq!((&listed[0]["stale"], &listed[0]["freshness"]), (&json!(false), &json!("CURRENT")));
        assert_eq!((&listed[1]["stale"], &listed[1]["freshness"]), (&json!(true), &json!("OLD")));
        until_stale(&product, 1).await;
        let alerts = product.ask("{ alerts { totalCount } }").await;
        assert_eq!(alerts["alerts"]["totalCount"], 1);
    }

    async fn old_quotes_fire_if_any_age_is_allowed(home) {
        let exchange = Exchange::open().await;
        exchange.quote_of("2022-10-27", "TWTR", "53.7", "50");
        let variables = [("DEFAULT_SYMBOLS", "TWTR"), ("ALERT_MAX_AGE", "any")];
        let product = home.track(&exchange, &variables).await;
        let fired = |data: &Value| (data["alerts"]["totalCount"] == 1).then_some(());
        product.until_data("the alert fires", "{ alerts { totalCount } }", fired).await;
    }

    async fn a_price_of_an_exchange_with_unknown_hours_is_not_stale_because_of_its_session(home) {
        let exchange = Exchange::open().await;
        exchange.quote_of("2024-10-18", "TSCO.LON", "361.5", "360");
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "TSCO.LON")]).await;
        let query = r#"{ stock(symbol: "TSCO.LON") { stale freshness note market
            latestPrice { tradingDay marketTime recordedAt }
            candles(interval: ONE_DAY, from: "2024-10-17T00:00:00Z") { start end final close } } }"#;
        let priced = |data: &Value| {
            data["stock"]["latestPrice"].is_object().then(|| data["stock"].clone())
        };
        let mut stock = product.until_data("the stock has a price", query, priced).await;
        let price = stock["latestPrice"].take();
        assert_eq!(price["tradingDay"], "2024-10-18");
        assert_eq!(price["marketTime"], price["recordedAt"]);
        let candle = json!({"start": "2024-10-18T00:00:00Z", "end": "2024-10-19T00:00:00Z", "final": true, "close": "361.5"});
        let candles = stock["candles"].as_array().expect("a list");
        assert!(candles.contains(&candle), "{candles:?}");
        stock["candles"].take();
        assert_eq!(stock, json!({
            "stale": false, "freshness": "OLD", "note": null, "market": "OTHER",
            "latestPrice": null, "candles": null,
        }));
    }
}

/// On PostgreSQL only: no other process can open the SQLite file of a running one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_symbol_that_became_unknown_is_stale() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let exchange = Exchange::open().await;
    exchange.quote("TWTR", "53.7", "53.35");
    exchange.quote("IBM", "101", "100");
    let product = home
        .track(&exchange, &[("DEFAULT_SYMBOLS", "IBM,TWTR")])
        .await;
    let fresh = |data: &Value| {
        let nodes = data["stocks"]["nodes"].as_array().expect("a list");
        nodes.iter().all(|it| it["stale"] == false).then_some(())
    };
    product
        .until_data("both stocks are fresh", CONDITION, fresh)
        .await;
    exchange.forget("TWTR");
    let asked = exchange.asked("TWTR");
    let again = async || (exchange.asked("TWTR") > asked).then_some(());
    until("the stock is polled again", || product.last_words(), again).await;
    let count = "UPDATE stocks SET unpriced_answers = 3 WHERE symbol = 'TWTR'";
    let database = home.database.connect().await;
    database
        .write()
        .execute_unprepared(count)
        .await
        .expect("written");
    let stale = |data: &Value| {
        let stock = &data["stocks"]["nodes"][1];
        let note = stock["note"]
            .as_str()
            .is_some_and(|it| it.starts_with("no price in the last "));
        (note && stock["stale"] == true).then(|| stock["freshness"].clone())
    };
    let freshness = product
        .until_data("the stock is stale", CONDITION, stale)
        .await;
    assert_eq!(freshness, "CURRENT");
    until_stale(&product, 1).await;
}
