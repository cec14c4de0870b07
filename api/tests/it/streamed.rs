//! Streamed prices, from a stand-in for Kraken to every kind of client.

use std::time::Duration;

use runtime::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use store::priority::priorities;
use testkit::TestDatabaseUrl;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    client::Client,
    databases::on_both,
    kraken::{Kraken, PAIRS},
    process::until,
    product::{Home, Product},
};

const PRICES: &str = "subscription($symbols: [Symbol!]) {
    priceUpdates(symbols: $symbols, mode: ALL) { price } }";
const STATUS: &str = "{ status { providers { name state note terms since
    budgets { window limit left } } } stocks { nodes { symbol market } } }";

on_both! {
    async fn json_numbers_reach_every_kind_of_client_with_the_same_digits(home) {
        let kraken = Kraken::open().await;
        let product = streaming(&home, &kraken).await;
        let mut prices = Client::graphql(&product, json!({})).await;
        prices.subscribe("p", PRICES, json!({"symbols": ["BTC/USD"]})).await;
        let mut plain = Client::open(&product, "/ws?symbols=BTC/USD", &[]).await.expect("accepted");
        for (sent, digits) in [
            // A float has 9007199254.740992 and …994.
            ("9007199254.74099301", "9007199254.74099301"),
            ("1.0e-7", "0.0000001"),
            ("12.50E1", "125"),
        ] {
            let millis = SystemClock.now().to_utc().timestamp_millis();
            kraken.stream.trade("BTC/USD", &[(sent, millis)]);
            while prices.next("p").await["data"]["priceUpdates"]["price"] != digits {}
            let shown = format!(r#""current_price":{digits},"#);
            while !plain.receive_text().await.contains(&shown) {}
            let query = r#"{ stock(symbol: "BTC/USD") { latestPrice { price } history(first: 1) { nodes { price } } } }"#;
            let stock = product.ask(query).await["stock"].take();
            assert_eq!(stock["latestPrice"]["price"], digits);
            assert_eq!(stock["history"]["nodes"][0]["price"], digits);
            let one = product.get("/api/v1/stocks/BTC%2FUSD").await.text;
            assert!(one.contains(&shown), "{one}");
            let history = product.get("/api/v1/stocks/BTC%2FUSD/history?limit=1").await.text;
            assert!(history.contains(&format!(r#""price":{digits},"#)), "{history}");
        }
    }

    async fn the_status_shows_the_stream_its_terms_and_its_budgets(home) {
        let kraken = Kraken::open().await;
        let product = streaming(&home, &kraken).await;
        let streams = |data: &Value| {
            let provider = &data["status"]["providers"][0];
            (provider["state"] == "STREAMING").then(|| data.clone())
        };
        let data = product.until_data("the state of the stream", STATUS, streams).await;
        let provider = &data["status"]["providers"][0];
        assert_eq!(provider["name"], "kraken");
        assert_eq!(provider["note"], "streaming 2 symbols");
        assert!(provider["terms"].as_str().is_some_and(|terms| !terms.is_empty()), "{provider}");
        assert!(provider["since"].is_string(), "{provider}");
        let limits: Vec<_> = provider["budgets"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|budget| {
                let (left, limit) = (budget["left"].as_i64(), budget["limit"].as_i64());
                assert!(left <= limit && left >= Some(0), "{budget}");
                (budget["window"].clone(), limit)
            })
            .collect();
        assert_eq!(limits, [(json!("SECOND"), Some(1_000)), (json!("MINUTE"), Some(60_000))]);
        let stocks: Vec<Value> = PAIRS
            .iter()
            .map(|pair| json!({"symbol": pair, "market": "ALWAYS_OPEN"}))
            .collect();
        assert_eq!(data["stocks"]["nodes"], json!(stocks));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_with_a_subscriber_of_its_own_is_followed() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let kraken = Kraken::open().await;
    let product = streaming(&home, &kraken).await;
    let _all = Client::plain(&product).await;
    let mut one = Client::graphql(&product, json!({})).await;
    one.subscribe("p", PRICES, json!({"symbols": ["ETH/USD"]}))
        .await;
    let database = home.database.connect().await;
    let followed = async || {
        let stocks = priorities(database.read(), SystemClock.now())
            .await
            .expect("stocks");
        let preferred = stocks.into_iter().filter(|stock| stock.preferred);
        let symbols: Vec<String> = preferred.map(|stock| stock.symbol.to_string()).collect();
        (!symbols.is_empty()).then_some(symbols)
    };
    let followed = until("a followed stock", || product.last_words(), followed).await;
    assert_eq!(followed, ["ETH/USD"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_frames_a_second_take_no_more_memory_than_one_second_of_them() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let kraken = Kraken::open().await;
    let product = streaming(&home, &kraken).await;
    let mut ticks = interval(Duration::from_secs(1) / 10);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut resident = Vec::new();
    for second in 0..10 {
        for _ in 0..10 {
            ticks.tick().await;
            let millis = SystemClock.now().to_utc().timestamp_millis();
            for number in 0_u32..500 {
                let price = format!("{}.{second}", 90 + number % 20);
                kraken
                    .stream
                    .trade(PAIRS[number as usize % 2], &[(&price, millis)]);
            }
        }
        // All frames are read once the last price is stored.
        let last = format!("{}", 200 + second);
        let millis = SystemClock.now().to_utc().timestamp_millis();
        kraken.stream.trade("BTC/USD", &[(&last, millis)]);
        let query = r#"{ stock(symbol: "BTC/USD") { latestPrice { price } } }"#;
        let read = |data: &Value| (data["stock"]["latestPrice"]["price"] == *last).then_some(());
        product.until_data("the last price", query, read).await;
        resident.push(resident_bytes(&product));
    }
    let (first, last) = (resident[0], resident[9]);
    assert!(
        last < first + (16 << 20),
        "bytes after each second: {resident:?}"
    );
    assert_eq!(kraken.stream.attempts(), 1);
}

/// The resident memory of the process that streams.
fn resident_bytes(product: &Product) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", product.api.id()));
    let status = status.expect("the status of the process");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = resident
        .expect("a size")
        .trim()
        .trim_end_matches("kB")
        .trim();
    kibibytes.parse::<u64>().expect("a number") * 1_024
}

/// Starts the product with both pairs of Kraken and waits for the stream and the first prices.
async fn streaming(home: &Home, kraken: &Kraken) -> Product {
    let pairs = PAIRS.join(",");
    let variables = kraken.settings(&[("PROVIDER", "kraken"), ("DEFAULT_SYMBOLS", &pairs)]);
    let product = home.start(&variables).await;
    kraken.is_streaming(&product).await;
    let query = "{ stocks { nodes { latestPrice { price } } } }";
    let priced = |data: &Value| {
        let stocks = data["stocks"]["nodes"].as_array().expect("a list");
        let is_priced = |stock: &Value| stock["latestPrice"].is_object();
        stocks.iter().all(is_priced).then_some(())
    };
    product
        .until_data("both pairs have a price", query, priced)
        .await;
    product
}
