//! A server that is suspended for a while, like a machine that sleeps.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::TestDatabaseUrl;

use crate::{client::Client, exchange::Exchange, product::Home};

/// The idle timeout of a GraphQL socket. That of the plain one is a third longer.
const SILENCE: Duration = Duration::from_secs(4);
const PRICES: &str = "subscription { priceUpdates { price } }";

fn price(message: &Value) -> String {
    let event = &message["payload"];
    let price = &event["data"]["priceUpdates"]["price"];
    match price.as_str() {
        Some(price) => price.to_owned(),
        None => event["current_price"].to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_socket_survives_a_suspension_of_the_server() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let exchange = Exchange::open().await;
    exchange.quote("AAPL", "101", "100");
    let silence = format!("{}s", SILENCE.as_secs());
    let variables = [("DEFAULT_SYMBOLS", "AAPL"), ("LIMIT_SILENCE", &silence)];
    let product = home.track(&exchange, &variables).await;
    let mut modern = Client::graphql(&product, json!({})).await;
    modern.subscribe("p", PRICES, json!({})).await;
    let legacy = ("sec-websocket-protocol", "graphql-ws");
    let legacy = Client::open(&product, "/graphql", &[legacy]).await;
    let mut legacy = legacy.expect("accepted");
    legacy.init(json!({})).await;
    let start = json!({"type": "start", "id": "p", "payload": {"query": PRICES}});
    legacy.send(&start).await;
    let mut plain = Client::plain(&product).await;

    let until_received = async |client: &mut Client, wanted: &str| {
        while price(&client.receive().await) != wanted {}
    };
    let mut quote = 101;
    let mut all_receive = async |times: i32| {
        for _ in 0..times {
            quote += 1;
            let wanted = quote.to_string();
            exchange.quote("AAPL", &wanted, "100");
            tokio::join!(
                until_received(&mut modern, &wanted),
                until_received(&mut legacy, &wanted),
                until_received(&mut plain, &wanted),
            );
        }
    };
    all_receive(2).await;
    product.api.signal("STOP");
    tokio::time::sleep(SILENCE * 5 / 2).await;
    product.api.signal("CONT");
    // Longer than the idle timeout.
    all_receive(8).await;
}
