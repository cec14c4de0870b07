//! The search for symbols, with a real tracker and a mock of its provider.

use serde_json::{Value, json};
use testkit::TestDatabaseUrl;

use crate::{
    client::Client,
    databases::on_both,
    exchange::Exchange,
    process::until,
    product::{Home, Product},
};

const SEARCH: &str = "query($query: String!) { searchSymbols(query: $query) { symbol name kind exchange currency tracked } }";

async fn searched(product: &Product, query: &str) -> Value {
    let answer = product.graphql(SEARCH, json!({"query": query})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn found(symbol: &str, exchange: &str, currency: &str, tracked: bool) -> Value {
    json!({"symbol": symbol, "name": "Microsoft Corporation", "kind": "Equity",
        "exchange": exchange, "currency": currency, "tracked": tracked})
}

on_both! {
    async fn tracked_stocks_are_found_first_and_then_those_of_the_provider(home) {
        let exchange = Exchange::open().await;
        for symbol in ["IBM", "MSFT"] {
            exchange.quote(symbol, "100", "99");
        }
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "IBM")]).await;
        let track = "mutation { trackStock(input: {symbol: \"MSFT\"}) { stock { symbol } } }";
        product.admin(track, json!({})).await.data();
        let answer = searched(&product, "  Microsoft ").await;
        let matches = [
            found("MSFT", "United States", "USD", true),
            found("MSF.DEX", "XETRA", "EUR", false),
        ];
        assert_eq!(answer, json!({"data": {"searchSymbols": matches}}));
        // The text of the request does not change what is cached.
        assert_eq!(searched(&product, "MICROSOFT").await, answer);
        assert_eq!(exchange.searched("microsoft"), 1);
        let mut socket = Client::graphql(&product, json!({})).await;
        socket.subscribe("s", SEARCH, json!({"query": "microsoft"})).await;
        assert_eq!(socket.next("s").await["data"], answer["data"]);
        // A part of the symbol of a tracked stock.
        let answer = searched(&product, "ib").await;
        let first = &answer["data"]["searchSymbols"][0];
        assert_eq!((&first["symbol"], &first["tracked"]), (&json!("IBM"), &json!(true)));
        assert_eq!(answer["data"]["searchSymbols"].as_array().map(Vec::len), Some(3));
        for query in ["", " \t ", &"x".repeat(65), "a\u{1}b"] {
            let answer = product.graphql(SEARCH, json!({"query": query})).await;
            assert_eq!(answer.code(), "BAD_USER_INPUT", "{query:?}: {}", answer.text);
        }
    }

    async fn a_provider_that_is_not_searched_is_named_over_http_and_websocket(home) {
        let exchange = Exchange::open().await;
        let variables = [("DEFAULT_SYMBOLS", "MSFT"), ("SEARCH_PER_MINUTE", "0")];
        let product = home.track(&exchange, &variables).await;
        let skipped = json!({"skipped": [{"provider": "alphavantage",
            "reason": "at most 0 searches a minute are sent to it"}]});
        let several = "{ one: searchSymbols(query: \"msf\") { symbol } \
            two: searchSymbols(query: \"nothing\") { symbol } }";
        let expected = json!({"one": [{"symbol": "MSFT"}], "two": []});
        let answer = product.graphql(several, json!({})).await.json();
        assert_eq!(answer, json!({"data": expected, "extensions": {"search": skipped}}));
        let mut socket = Client::graphql(&product, json!({})).await;
        socket.subscribe("s", several, json!({})).await;
        let message = socket.next("s").await;
        assert_eq!((&message["data"], &message["extensions"]["search"]), (&expected, &skipped));
    }
}

/// On PostgreSQL only, where the tracker is another process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_tracker_what_is_known_is_found() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let exchange = Exchange::open().await;
    exchange.quote("MSFT", "100", "99");
    let mut product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "MSFT")]).await;
    let expected = searched(&product, "microsoft").await["data"].take();
    product.tracker.as_mut().expect("a tracker").kill();
    let skipped =
        json!({"search": {"skipped": [{"provider": null, "reason": "no tracker is active"}]}});
    let known = async || {
        let answer = searched(&product, "microsoft").await;
        (answer["extensions"] == skipped).then_some(answer)
    };
    let answer = until("the tracker is missed", || product.last_words(), known).await;
    assert_eq!(
        answer["data"], expected,
        "the provider's matches are cached"
    );
    let answer = searched(&product, "msf").await;
    assert_eq!(
        answer["data"]["searchSymbols"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(answer["data"]["searchSymbols"][0]["symbol"], "MSFT");
    assert_eq!(answer["extensions"], skipped);
}
