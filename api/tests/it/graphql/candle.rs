//! Candles over GraphQL.

use serde_json::{Value, json};

use crate::archive::{AAPL, DAYS, IBM, on_archives};

fn column(candles: &Value, field: &str) -> Vec<String> {
    let candles = candles.as_array().expect("a list").iter();
    candles
        .map(|candle| candle[field].as_str().expect("a text").to_owned())
        .collect()
}

on_archives! {
    async fn a_replayed_day_is_a_candle_from_open_to_close(archive) {
        let data = archive.ask(r#"{ candles(symbol: "aapl", interval: ONE_DAY) {
            __typename start end open high low close volume count final } }"#).await;
        let candles = &data["candles"];
        assert_eq!(candles[1], json!({
            "__typename": "Candle",
            "start": "2008-01-03T14:30:00Z", "end": "2008-01-03T21:00:00Z",
            "open": "105", "high": "105", "low": "105", "close": "105",
            "volume": 1000, "count": 1, "final": true,
        }));
        assert_eq!(column(candles, "close"), AAPL);
        assert!(candles.as_array().expect("a list").iter().all(|candle| candle["final"] == true));
    }

    async fn intraday_candles_are_aligned_to_utc(archive) {
        for (interval, end) in [
            ("ONE_MINUTE", "21:01:00"),
            ("FIVE_MINUTES", "21:05:00"),
            ("FIFTEEN_MINUTES", "21:15:00"),
            ("ONE_HOUR", "22:00:00"),
        ] {
            let query = format!(r#"{{ candles(symbol: "AAPL", interval: {interval}) {{ start end volume final }} }}"#);
            let data = archive.ask(&query).await;
            let candle = |day: &&str| json!({
                "start": format!("{day}T21:00:00Z"), "end": format!("{day}T{end}Z"),
                "volume": null, "final": true,
            });
            assert_eq!(data["candles"], DAYS.iter().map(candle).collect::<Value>());
        }
    }

    async fn the_newest_candles_of_a_range_come_oldest_first(archive) {
        let candles = async |arguments: &str| {
            let query = format!(r#"{{ candles(symbol: "AAPL", interval: ONE_DAY, {arguments}) {{ close final }} }}"#);
            let data = archive.ask(&query).await;
            assert!(data["candles"].as_array().expect("a list").iter().all(|it| it["final"] == true));
            column(&data["candles"], "close")
        };
        assert_eq!(candles("first: 3").await, AAPL[9..]);
        assert_eq!(candles("first: 1000").await, AAPL);
        assert_eq!(candles("first: 0").await, [""; 0]);
        // `from` is the second candle's start, `to` the fifth's.
        let range = r#"from: "2008-01-03T14:30:00Z", to: "2008-01-08T14:30:00Z""#;
        assert_eq!(candles(range).await, AAPL[1..4]);
        assert_eq!(candles(&format!("{range}, first: 2")).await, AAPL[2..4]);
        assert_eq!(candles(r#"to: "2008-01-02T14:30:00Z""#).await, [""; 0]);
        assert_eq!(candles(r#"from: "2008-01-17T14:30:00.000001Z""#).await, [""; 0]);
        assert_eq!(candles("from: null, to: null, first: null").await, AAPL);
    }

    async fn the_candles_of_many_stocks_are_those_of_each_alone(archive) {
        let data = archive.ask(r#"{
            stocks { nodes { symbol candles(interval: ONE_DAY, first: 5) { start close } } }
            AAPL: candles(symbol: "AAPL", interval: ONE_DAY, first: 5) { start close }
            IBM: candles(symbol: "IBM", interval: ONE_DAY, first: 5) { start close }
            MSFT: candles(symbol: "MSFT", interval: ONE_DAY, first: 5) { start close } }"#).await;
        let stocks = data["stocks"]["nodes"].as_array().expect("a list");
        assert_eq!(stocks.len(), 3);
        for stock in stocks {
            let symbol = stock["symbol"].as_str().expect("a symbol");
            assert_eq!(stock["candles"], data[symbol], "{symbol}");
        }
        assert_eq!(data["MSFT"], json!([]));
        assert_eq!(column(&data["IBM"], "close"), IBM[7..]);
    }

    async fn errors_name_the_invalid_argument(archive) {
        for (arguments, named) in [
            ("first: -1", "first"),
            ("first: 1001", "first"),
            (r#"from: "2008-01-03T00:00:00Z", to: "2008-01-02T00:00:00Z""#, "from"),
        ] {
            for query in [
                format!(r#"{{ candles(symbol: "AAPL", interval: ONE_DAY, {arguments}) {{ close }} }}"#),
                format!(r#"{{ stock(symbol: "AAPL") {{ candles(interval: ONE_DAY, {arguments}) {{ close }} }} }}"#),
            ] {
                let answer = archive.graphql(&query, json!({})).await;
                assert_eq!(answer.code(), "BAD_USER_INPUT", "{query}");
                let message = answer.error()["message"].to_string();
                assert!(message.contains(named), "{message}");
            }
        }
        let answer = archive.graphql(r#"{ candles(symbol: "NOPE", interval: ONE_DAY) { close } }"#, json!({})).await;
        assert_eq!(answer.code(), "NOT_FOUND");
        let query = "{ stocks(first: 100) { nodes { candles(interval: ONE_DAY, first: 1000) { close } } } }";
        assert_eq!(archive.graphql(query, json!({})).await.code(), "QUERY_TOO_COMPLEX");
        let all = r#"{ candles(symbol: "AAPL", interval: ONE_DAY, first: 1000) {
            start end open high low close volume count final } }"#;
        archive.ask(all).await;
    }
}
