//! Subscriptions: how they start, resume and are rejected.

use entity::{Cursor, Position};
use serde_json::{Value, json};

use crate::{
    archive::{AAPL, ALERTS, Archive, IBM, on_archives},
    client::Client,
};

const PRICES: &str = "subscription($symbols: [Symbol!], $after: Cursor, $mode: DeliveryMode) {
    priceUpdates(symbols: $symbols, after: $after, mode: $mode) { symbol price cursor } }";
const ALERTED: &str = "subscription($symbols: [Symbol!], $after: Cursor) {
    alerts(symbols: $symbols, after: $after) { message cursor } }";

on_archives! {
    async fn a_subscription_starts_with_the_latest_price_of_each_stock_in_feed_order(archive) {
        for (symbols, latest) in [
            (json!(null), vec!["118.45", "48"]),
            (json!(["ibm", "IBM"]), vec!["48"]),
            (json!(["MSFT", "IBM", "aapl"]), vec!["118.45", "48"]),
        ] {
            let mut client = Client::graphql(archive, json!({})).await;
            client.subscribe("p", PRICES, json!({"symbols": symbols})).await;
            for price in latest {
                let event = client.next("p").await;
                assert_eq!(event["data"]["priceUpdates"]["price"], price);
                assert_eq!(event["extensions"], json!({"delivery": {"snapshot": true}}));
            }
            expect_nothing_more(&mut client).await;
        }
    }

    async fn a_subscription_resumes_after_any_cursor_with_each_event_once_and_in_order(archive) {
        let all = archive.ask(r#"{ history(symbol: "AAPL") { nodes { cursor } } alerts { nodes { cursor } } }"#).await;
        for (at, price) in all["history"]["nodes"].as_array().expect("a list").iter().enumerate() {
            let variables = json!({"symbols": ["AAPL"], "after": price["cursor"], "mode": "ALL"});
            let mut client = Client::graphql(archive, json!({})).await;
            client.subscribe("p", PRICES, variables).await;
            for expected in &AAPL[AAPL.len() - at..] {
                let event = client.next("p").await;
                assert_eq!(event["data"]["priceUpdates"]["price"], *expected);
                assert!(event.get("extensions").is_none(), "{event}");
            }
            expect_nothing_more(&mut client).await;
        }
        for (at, alert) in all["alerts"]["nodes"].as_array().expect("a list").iter().enumerate() {
            let mut client = Client::graphql(archive, json!({})).await;
            client.subscribe("a", ALERTED, json!({"after": alert["cursor"]})).await;
            for expected in &ALERTS[ALERTS.len() - at..] {
                assert_eq!(client.next("a").await["data"]["alerts"]["message"], *expected);
            }
            expect_nothing_more(&mut client).await;
        }
    }

    async fn a_client_that_resumes_after_each_event_misses_none(archive) {
        // Each client knows only the cursor of the event before.
        let mut after = beginning(archive).await;
        let mut received = Vec::new();
        for _ in 0..AAPL.len() + IBM.len() {
            let mut client = Client::graphql(archive, json!({})).await;
            client.subscribe("p", PRICES, json!({"after": after, "mode": "ALL"})).await;
            let mut event = client.next("p").await;
            let price = event["data"]["priceUpdates"].take();
            after = price["cursor"].clone();
            received.push((price["symbol"].clone(), price["price"].clone()));
        }
        let expected: Vec<_> = AAPL.iter().zip(IBM)
            .flat_map(|(aapl, ibm)| [(json!("AAPL"), json!(aapl)), (json!("IBM"), json!(ibm))])
            .collect();
        assert_eq!(received, expected);
    }

    async fn a_conflated_backlog_counts_the_prices_it_skips(archive) {
        let after = beginning(archive).await;
        let mut client = Client::graphql(archive, json!({})).await;
        client.subscribe("p", PRICES, json!({"symbols": ["AAPL"], "after": after})).await;
        // The sum is exact, however the backlog is split into pages.
        let (mut seen, mut missed) = (0, 0);
        while seen + missed < AAPL.len() {
            let event = client.next("p").await;
            seen += 1;
            let skipped = event["extensions"]["delivery"]["missed"].as_u64().unwrap_or(0);
            missed += usize::try_from(skipped).expect("a count");
        }
        assert_eq!(seen + missed, AAPL.len());
        expect_nothing_more(&mut client).await;
    }

    async fn the_default_mode_can_be_given_explicitly_or_as_null(archive) {
        for variables in [json!({"symbols": ["IBM"], "mode": null}), json!({"symbols": ["IBM"], "mode": "LATEST"})] {
            let mut client = Client::graphql(archive, json!({})).await;
            client.subscribe("p", PRICES, variables).await;
            assert_eq!(client.next("p").await["data"]["priceUpdates"]["price"], "48");
        }
    }

    async fn invalid_arguments_give_one_error_and_no_complete(archive) {
        let data = archive.ask(r#"{ stocks { edges { cursor } } history(symbol: "AAPL", first: 1) { nodes { cursor } } }"#).await;
        let stock = &data["stocks"]["edges"][0]["cursor"];
        let newest = data["history"]["nodes"][0]["cursor"].as_str().expect("a cursor");
        let Ok(Cursor::Feed(position)) = Cursor::decode(newest) else { panic!("{newest}") };
        let other = Position { epoch: position.epoch + 1, ..position };
        let beyond = Position { seq: position.seq + 1_000_000, ..position };
        let cursor = |position| json!({"after": Cursor::Feed(position).encode()});
        let mut client = Client::graphql(archive, json!({})).await;
        for (variables, code, reason) in [
            (json!({"symbols": []}), "BAD_USER_INPUT", Value::Null),
            (json!({"symbols": ["NOPE"]}), "NOT_FOUND", Value::Null),
            (json!({"symbols": ["IBM", "NOPE"]}), "NOT_FOUND", Value::Null),
            (json!({"symbols": ["no symbol"]}), "BAD_USER_INPUT", Value::Null),
            (json!({"after": "x"}), "BAD_USER_INPUT", json!("CURSOR_EXPIRED")),
            (json!({"after": stock}), "BAD_USER_INPUT", json!("CURSOR_EXPIRED")),
            (cursor(other), "BAD_USER_INPUT", json!("CURSOR_EXPIRED")),
            (cursor(beyond), "BAD_USER_INPUT", json!("CURSOR_EXPIRED")),
        ] {
            for query in [PRICES, ALERTED] {
                client.subscribe("w", query, variables.clone()).await;
                let error = client.refused("w").await;
                assert_eq!(error["extensions"]["code"], code, "{variables}: {error}");
                let actual = error["extensions"].get("reason").cloned().unwrap_or_default();
                assert_eq!(actual, reason, "{variables}: {error}");
            }
        }
        // No `complete` follows any of them.
        expect_nothing_more(&mut client).await;
    }

    async fn two_root_fields_are_rejected(archive) {
        let mut client = Client::graphql(archive, json!({})).await;
        client.subscribe("w", "subscription { alerts { id } priceUpdates { price } }", json!({})).await;
        let error = client.refused("w").await;
        assert_eq!(error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED", "{error}");
    }
}

/// Returns a cursor before the first event.
async fn beginning(archive: &Archive) -> Value {
    let oldest = archive
        .ask(r#"{ history(symbol: "AAPL", last: 1) { nodes { cursor } } }"#)
        .await;
    let oldest = oldest["history"]["nodes"][0]["cursor"].as_str();
    let Ok(Cursor::Feed(position)) = Cursor::decode(oldest.expect("a cursor")) else {
        panic!("{oldest:?} is not a feed cursor")
    };
    let beginning = Position {
        seq: position.seq - 1,
        ..position
    };
    json!(Cursor::Feed(beginning).encode())
}

/// Checks that no message is left: the response to another query is the next one.
async fn expect_nothing_more(client: &mut Client) {
    client
        .subscribe("marker", "{ __typename }", json!({}))
        .await;
    let answer = client.next("marker").await;
    assert_eq!(answer["data"], json!({"__typename": "Query"}));
    assert_eq!(
        client.receive().await,
        json!({"type": "complete", "id": "marker"})
    );
}
