//! End-to-end test of a quote: from the provider to every kind of client, with the same digits.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    answer::{Answer, timeless},
    client::Client,
    databases::on_both,
    exchange::Exchange,
    process::until,
    product::Product,
};

const PRICES: &str = "subscription($symbols: [Symbol!], $after: Cursor) {
    priceUpdates(symbols: $symbols, after: $after, mode: ALL) { symbol price previousClose change changePercent volume cursor stock { name latestPrice { price } } } }";
const ALERTS: &str = "subscription($symbols: [Symbol!], $after: Cursor) {
    alerts(symbols: $symbols, after: $after) { id symbol direction price referencePrice changePercent threshold message cursor } }";
const STOCK: &str = r#"{ stock(symbol: "aapl") {
    latestPrice { price previousClose change changePercent volume cursor }
    history { edges { cursor node { price cursor } } }
    alerts { edges { cursor node { id price threshold cursor } } totalCount } } }"#;

/// The session of every quote, which is long over.
const DAY: &str = "2024-10-18";
/// A number that a float cannot represent: the nearest ones are 9007199254.740992 and …994.
const EXACT: &str = "9007199254.74099301";
/// Two units of 1e-8 less.
const EXACT_BEFORE: &str = "9007199254.74099299";

on_both! {
    async fn a_quote_reaches_every_kind_of_client_with_the_same_digits(home) {
        let exchange = Exchange::open().await;
        exchange.quote_of(DAY, "AAPL", "187.12345678", "178.2");
        exchange.quote_of(DAY, "BRK.A", EXACT, EXACT_BEFORE);
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL,BRK.A"), ("ALERT_MAX_AGE", "any")]).await;
        wait_for_prices(&product).await;
        let mut clients = Clients::connect(&product).await;
        clients.receive_the_first_alert(&product).await;

        // Over 10 % now: the next multiple of the default rule.
        exchange.quote_of(DAY, "AAPL", "196.87654321", "178.2");
        let cursors = clients.receive_a_change().await;
        queries_equal_the_events(&product, &cursors).await;
        rest_has_the_same_values(&product).await;

        // A repeated quote must not cause an event: the next event is that of the other symbol.
        let asked = exchange.asked("AAPL");
        let again = async || (exchange.asked("AAPL") >= asked + 3).then_some(());
        until("the stock is polled again", || product.last_words(), again).await;
        exchange.quote_of(DAY, "BRK.A", EXACT_BEFORE, EXACT_BEFORE);
        clients.receive_a_marker().await;
        let history = product.ask(r#"{ history(symbol: "AAPL") { nodes { price } } }"#).await;
        assert_eq!(history["history"]["nodes"].as_array().map(Vec::len), Some(2));

        resumes_without_a_gap_or_repeat(&product, &cursors, &exchange).await;
    }
}

/// Waits for the first prices and the first alert. The alert may fire later than its price, because
/// the recorded open differs so much from the previous close that it suggests a split.
async fn wait_for_prices(product: &Product) {
    let query = "{ stocks { nodes { latestPrice { price } } } alerts { totalCount } }";
    let priced = |data: &Value| {
        let stocks = data["stocks"]["nodes"].as_array().expect("a list");
        let priced = stocks.iter().all(|it| it["latestPrice"].is_object());
        (priced && data["alerts"]["totalCount"] == 1).then_some(())
    };
    product
        .until_data("both stocks have a price and one an alert", query, priced)
        .await;
}

/// One client of each kind that receives events.
struct Clients {
    prices: Client,
    alerts: Client,
    plain: Client,
}

/// The cursors of the price and the alert that every client received.
struct Cursors {
    price: Value,
    alert: Value,
}

impl Clients {
    /// Connects all clients. Prices start with the latest of each symbol, in feed order.
    async fn connect(product: &Product) -> Self {
        let mut prices = Client::graphql(product, json!({})).await;
        assert_eq!(prices.protocol.as_deref(), Some("graphql-transport-ws"));
        let symbols = json!({"symbols": ["AAPL", "brk.a", "aapl"]});
        prices.subscribe("p", PRICES, symbols).await;
        let mut snapshot = Vec::new();
        for _ in 0..2 {
            let event = prices.next("p").await;
            let delivery = &event["extensions"]["delivery"];
            assert_eq!(delivery, &json!({"snapshot": true}), "{event}");
            snapshot.push(event["data"]["priceUpdates"].clone());
        }
        snapshot.sort_by_key(|price| price["symbol"].to_string());
        assert_eq!(snapshot[0]["price"], "187.12345678");
        assert_eq!(snapshot[0]["previousClose"], "178.2");
        assert_eq!(snapshot[0]["change"], "8.92345678");
        assert_eq!(snapshot[0]["changePercent"], "5.0076");
        assert_eq!(snapshot[1]["price"], EXACT);
        assert_eq!(snapshot[1]["change"], "0.00000002");
        assert_eq!(snapshot[1]["changePercent"], "0");

        let mut alerts = Client::graphql(product, json!({})).await;
        // Resumes after the price that triggered the first alert, so that the alert is sent
        // although it fired before.
        let first = product.ask(STOCK).await["stock"]["latestPrice"]["cursor"].take();
        let variables = json!({"symbols": null, "after": first});
        alerts.subscribe("a", ALERTS, variables).await;
        let plain = Client::plain(product).await;
        Self {
            prices,
            alerts,
            plain,
        }
    }

    async fn receive_the_first_alert(&mut self, product: &Product) {
        let alert = self.alerts.next("a").await["data"]["alerts"].take();
        assert_eq!(alert["message"], "AAPL rose 5.01% to 187.12345678");
        assert_eq!(alert["threshold"], "5");
        let listed = product.ask(STOCK).await;
        let edge = &listed["stock"]["alerts"]["edges"][0];
        assert_eq!(edge["cursor"], alert["cursor"]);
        assert_eq!(edge["node"]["id"], alert["id"]);
    }

    async fn receive_a_change(&mut self) -> Cursors {
        let event = self.prices.next("p").await;
        assert!(event.get("extensions").is_none(), "a live event: {event}");
        let price = &event["data"]["priceUpdates"];
        assert_eq!(price["symbol"], "AAPL");
        assert_eq!(price["price"], "196.87654321");
        assert_eq!(price["change"], "18.67654321");
        assert_eq!(price["changePercent"], "10.4807");
        assert_eq!(price["volume"], 17_145_307);
        assert_eq!(price["stock"]["latestPrice"]["price"], "196.87654321");

        let alert = self.alerts.next("a").await["data"]["alerts"].take();
        assert_eq!(alert["message"], "AAPL rose 10.48% to 196.87654321");
        assert_eq!(alert["threshold"], "10");
        assert_eq!(alert["direction"], "UP");
        assert_eq!(alert["referencePrice"], "178.2");

        let frames = [
            self.plain.receive_text().await,
            self.plain.receive_text().await,
        ];
        insta::allow_duplicates! {
            insta::assert_snapshot!(timeless(&frames.join("\n")), @r#"
            {"type":"stock_update","payload":{"id":1,"symbol":"AAPL","name":null,"currency":null,"exchange":null,"current_price":196.87654321,"previous_close":178.2,"change":18.67654321,"change_percent":10.4807,"volume":17145307,"last_updated":"[time]","stale":true,"freshness":"OLD"}}
            {"type":"alert","payload":{"id":2,"symbol":"AAPL","rule_id":1,"rule_name":null,"kind":"PERCENT_CHANGE","direction":"UP","price":196.87654321,"reference_price":178.2,"change_percent":10.4807,"threshold":10,"message":"AAPL rose 10.48% to 196.87654321","trading_day":"2024-10-18","triggered_at":"[time]"}}
            "#);
        }
        Cursors {
            price: price["cursor"].clone(),
            alert: alert["cursor"].clone(),
        }
    }

    /// Receives the change of the other symbol as the next event.
    async fn receive_a_marker(&mut self) {
        let event = self.prices.next("p").await;
        assert_eq!(event["data"]["priceUpdates"]["symbol"], "BRK.A", "{event}");
        let frame = self.plain.receive().await;
        assert_eq!(frame["type"], "stock_update");
        assert_eq!(frame["payload"]["symbol"], "BRK.A", "{frame}");
    }
}

/// Queries by POST and by GET return the values and cursors of the events.
async fn queries_equal_the_events(product: &Product, cursors: &Cursors) {
    let posted = product.ask(STOCK).await;
    let got = product
        .request(Method::GET, "/graphql")
        .query(&[("query", STOCK)]);
    assert_eq!(Answer::to(got).await.data(), posted);
    let stock = &posted["stock"];
    assert_eq!(stock["latestPrice"]["price"], "196.87654321");
    assert_eq!(stock["latestPrice"]["cursor"], cursors.price);
    let history = stock["history"]["edges"].as_array().expect("a list");
    let prices: Vec<_> = history.iter().map(|edge| &edge["node"]["price"]).collect();
    assert_eq!(prices, ["196.87654321", "187.12345678"]);
    let alerts = stock["alerts"]["edges"].as_array().expect("a list");
    for edge in history.iter().chain(alerts) {
        assert_eq!(edge["cursor"], edge["node"]["cursor"]);
    }
    assert_eq!(history[0]["cursor"], cursors.price);
    assert_eq!(alerts[0]["cursor"], cursors.alert);
    assert_eq!(stock["alerts"]["totalCount"], 2);
}

async fn rest_has_the_same_values(product: &Product) {
    let mut responses = Vec::new();
    for path in [
        "/api/v1/stocks",
        "/api/v1/stocks/AAPL",
        "/api/v1/stocks/AAPL/history",
        "/api/v1/stocks/AAPL/alerts?limit=1",
    ] {
        let answer = product.get(path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        responses.extend([path.to_owned(), timeless(&answer.text)]);
    }
    let responses = responses.join("\n");
    insta::allow_duplicates! {
        insta::assert_snapshot!(responses, @r#"
        /api/v1/stocks
        [{"id":1,"symbol":"AAPL","name":null,"currency":null,"exchange":null,"current_price":196.87654321,"previous_close":178.2,"change":18.67654321,"change_percent":10.4807,"volume":17145307,"last_updated":"[time]","stale":true,"freshness":"OLD"},{"id":2,"symbol":"BRK.A","name":null,"currency":null,"exchange":null,"current_price":9007199254.74099301,"previous_close":9007199254.74099299,"change":0.00000002,"change_percent":0,"volume":17145307,"last_updated":"[time]","stale":true,"freshness":"OLD"}]
        /api/v1/stocks/AAPL
        {"id":1,"symbol":"AAPL","name":null,"currency":null,"exchange":null,"current_price":196.87654321,"previous_close":178.2,"change":18.67654321,"change_percent":10.4807,"volume":17145307,"last_updated":"[time]","stale":true,"freshness":"OLD"}
        /api/v1/stocks/AAPL/history
        [{"symbol":"AAPL","price":196.87654321,"previous_close":178.2,"change":18.67654321,"change_percent":10.4807,"volume":17145307,"trading_day":"2024-10-18","market_time":"2024-10-18T20:00:00Z","recorded_at":"[time]","provider":"alphavantage"},{"symbol":"AAPL","price":187.12345678,"previous_close":178.2,"change":8.92345678,"change_percent":5.0076,"volume":17145307,"trading_day":"2024-10-18","market_time":"2024-10-18T20:00:00Z","recorded_at":"[time]","provider":"alphavantage"}]
        /api/v1/stocks/AAPL/alerts?limit=1
        [{"id":2,"symbol":"AAPL","rule_id":1,"rule_name":null,"kind":"PERCENT_CHANGE","direction":"UP","price":196.87654321,"reference_price":178.2,"change_percent":10.4807,"threshold":10,"message":"AAPL rose 10.48% to 196.87654321","trading_day":"2024-10-18","triggered_at":"[time]"}]
        "#);
    }
    // A stock has the same text in a list and alone.
    let all = product.get("/api/v1/stocks").await.text;
    let one = product.get("/api/v1/stocks/AAPL").await.text;
    assert!(all.contains(&one), "{one} is not in {all}");
}

/// A client that resumes receives every missed event once and in order, then new events.
async fn resumes_without_a_gap_or_repeat(
    product: &Product,
    cursors: &Cursors,
    exchange: &Exchange,
) {
    let mut client = Client::graphql(product, json!({})).await;
    let oldest = product
        .ask(r#"{ history(symbol: "AAPL", last: 1) { nodes { cursor } } }"#)
        .await["history"]["nodes"][0]["cursor"]
        .take();
    assert_ne!(oldest, cursors.price);
    let variables = json!({"symbols": ["AAPL", "BRK.A"], "after": oldest});
    client.subscribe("r", PRICES, variables).await;
    let mut received = Vec::new();
    while received.last() != Some(&json!(EXACT_BEFORE)) {
        let event = client.next("r").await;
        assert!(event.get("extensions").is_none(), "no snapshot: {event}");
        received.push(event["data"]["priceUpdates"]["price"].clone());
    }
    // The first price of the other symbol may have been stored before or after.
    received.retain(|price| price != EXACT);
    assert_eq!(received, ["196.87654321", EXACT_BEFORE]);
    exchange.quote_of(DAY, "BRK.A", EXACT, EXACT_BEFORE);
    let live = client.next("r").await;
    assert_eq!(live["data"]["priceUpdates"]["price"], EXACT);

    client
        .subscribe("s", ALERTS, json!({"symbols": ["AAPL"], "after": oldest}))
        .await;
    for threshold in ["5", "10"] {
        let event = client.next("s").await;
        assert_eq!(event["data"]["alerts"]["threshold"], threshold);
    }
}
