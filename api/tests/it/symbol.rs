//! Symbols of other exchanges, indices and pairs, on every surface.

use serde_json::{Value, json};

use crate::{
    client::Client, databases::on_both, exchange::Exchange, kraken::Kraken, observe::scraped,
    process::until,
};

/// Symbols, each encoded for a path and for a query.
const SYMBOLS: [(&str, &str, &str); 5] = [
    ("FRA:IQQE", "FRA:IQQE", "FRA:IQQE"),
    ("M&M.NS", "M&M.NS", "M%26M.NS"),
    ("^GSPC", "^GSPC", "^GSPC"),
    ("BTC_USD=X", "BTC_USD=X", "BTC_USD=X"),
    (
        "A-SYMBOL.OF_32:CHARACTERS=34&567",
        "A-SYMBOL.OF_32:CHARACTERS=34&567",
        "A-SYMBOL.OF_32:CHARACTERS=34%26567",
    ),
];

on_both! {
    async fn symbols_of_other_exchanges_are_tracked_and_served(home) {
        let exchange = Exchange::open().await;
        for (symbol, ..) in SYMBOLS {
            exchange.quote(symbol, "100", "99");
        }
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "fra:iqqe,M&M.NS")]).await;
        for (symbol, ..) in SYMBOLS {
            let track = "mutation($symbol: Symbol!) { trackStock(input: {symbol: $symbol}) { stock { symbol } } }";
            let tracked = product.admin(track, json!({"symbol": symbol.to_lowercase()})).await.data();
            assert_eq!(tracked["trackStock"]["stock"]["symbol"], symbol);
        }
        let listed = SYMBOLS.map(|(_, _, query)| query).join(",");
        let mut plain = Client::open(&product, &format!("/ws?symbols={listed}"), &[]).await.expect("accepted");
        for (symbol, path, _) in SYMBOLS {
            // The mock received exactly this symbol.
            let priced = async || (product.get(&format!("/api/v1/stocks/{path}")).await.json()["current_price"] == 100).then_some(());
            until(symbol, || product.last_words(), priced).await;
            exchange.quote(symbol, "120", "99");
            let risen = loop {
                let frame = plain.receive().await;
                let payload = &frame["payload"];
                assert!(SYMBOLS.iter().any(|(known, ..)| payload["symbol"] == *known), "{frame}");
                if payload["symbol"] == symbol && payload["current_price"] == 120 {
                    break frame;
                }
            };
            assert_eq!(risen["type"], "stock_update");
            let link = product.get(&format!("/api/v1/stocks/{path}/history?limit=1")).await.header("link").to_owned();
            let query = link.strip_prefix("<?").and_then(|it| it.split_once('>')).map(|(query, _)| query);
            let first = product.get(&format!("/api/v1/stocks/{path}/history?{}", query.expect("a link"))).await.json();
            assert_eq!((&first[0]["symbol"], &first[0]["price"]), (&json!(symbol), &json!(100)));
            let alerted = async || product.get(&format!("/api/v1/stocks/{path}/alerts")).await.json()[0]["message"].as_str().map(str::to_owned);
            let message = until("the alert arrives", || product.last_words(), alerted).await;
            assert_eq!(message, format!("{symbol} rose 21.21% to 120"));
            let series = format!("stock_tracker_current_price{{symbol=\"{symbol}\"}} 120");
            let shown = async || scraped(product.tracking_metrics).await.contains(&series).then_some(());
            until(&series, || product.last_words(), shown).await;
            let asked = product.graphql("query($s: Symbol!, $q: String) { stock(symbol: $s) { symbol } stocks(search: $q) { nodes { symbol } } }",
                json!({"s": symbol, "q": symbol.to_lowercase()})).await.data();
            assert_eq!(asked, json!({"stock": {"symbol": symbol}, "stocks": {"nodes": [{"symbol": symbol}]}}));
        }
        let searched: Value = product.ask(r#"{ stocks(search: "c_u") { nodes { symbol } } }"#).await;
        assert_eq!(searched["stocks"]["nodes"], json!([{"symbol": "BTC_USD=X"}]));
    }

    async fn a_pair_is_served_by_the_provider_that_lists_it(home) {
        let (exchange, kraken) = (Exchange::open().await, Kraken::open().await);
        exchange.quote("BTC/USD", "7", "7");
        let variables = kraken.settings(&[
            ("PROVIDER", "alphavantage,kraken"),
            ("DEFAULT_SYMBOLS", "BTC/USD"),
        ]);
        let product = home.track(&exchange, &variables).await;
        let polled = async || {
            let stock = product.get("/api/v1/stocks/BTC%2FUSD").await.json();
            (stock["current_price"] == 100.5).then_some(stock)
        };
        let stock = until("a price", || product.last_words(), polled).await;
        assert_eq!((&stock["symbol"], &stock["exchange"]), (&json!("BTC/USD"), &json!("Kraken")));
        let _trading = kraken.trade();
        let mut plain = Client::open(&product, "/ws?symbols=BTC/USD", &[]).await.expect("accepted");
        assert_eq!(plain.receive().await["payload"]["symbol"], "BTC/USD");
        let track = r#"mutation { trackStock(input: {symbol: "EUR/USD"}) { stock { symbol } } }"#;
        let refused = product.admin(track, json!({})).await;
        assert_eq!(refused.code(), "NOT_FOUND", "{}", refused.text);
        assert_eq!(exchange.asked("BTC/USD") + exchange.asked("EUR/USD"), 0);
    }
}
