//! A receiver that fails at random, under a tracker that is killed again and again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};
use testkit::SeededRandom;

use super::{LOCAL, LOG, RULE, UPDATE, create, priced};
use crate::{
    databases::on_both,
    exchange::Exchange,
    process::until,
    product::{Home, Product, polling},
    receiver::{Received, Receiver, Reply},
};

/// How often the tracker is killed on each database.
const KILLS: usize = 25;
const SYMBOLS: [&str; 3] = ["AAPL", "IBM", "MSFT"];

on_both! {
    async fn no_alert_is_lost_or_reordered_under_kills(home) {
        let (exchange, receiver) = (Exchange::open().await, Receiver::open().await);
        let url = exchange.url();
        let variables = polling(&url, &[("DEFAULT_SYMBOLS", "AAPL,IBM,MSFT"), LOCAL]);
        for symbol in SYMBOLS {
            exchange.quote(symbol, "100", "104");
        }
        let mut product = home.start(&variables).await;
        for symbol in SYMBOLS {
            priced(&product, symbol, "100").await;
            product.admin(RULE, json!({"symbol": symbol})).await.data();
        }
        let (webhook, secret) = create(&product, json!({"url": receiver.url})).await;
        let mut replies = SeededRandom::new(7);
        receiver.replies(move || match replies.between(0, 19) {
            0..2 => Reply::Status(500),
            2..4 => Reply::Status(503),
            4..6 => Reply::Redirect,
            6..8 => Reply::Busy,
            8 => Reply::Stall,
            _ => Reply::Status(200),
        });
        let mut random = SeededRandom::new(11);
        for kill in 0..KILLS {
            let price = if kill % 2 == 0 { "106" } else { "100" };
            for symbol in SYMBOLS {
                exchange.quote(symbol, price, "104");
                priced(&product, symbol, price).await;
            }
            make_due(&product, &webhook, &receiver).await;
            // Any moment is a good one.
            tokio::time::sleep(Duration::from_millis(random.between(0, 300) as u64)).await;
            restart(&home, &mut product, &variables).await;
        }
        receiver.replies(|| Reply::Status(200));
        until("everything is delivered", || product.last_words(), async || {
            make_due(&product, &webhook, &receiver).await;
            let log = product.admin(LOG, json!({})).await.data();
            (log["webhooks"][0]["pending"] == 0).then_some(())
        })
        .await;

        let alerts = product.ask("{ alerts(first: 500) { nodes { id rule { name } } } }").await;
        let nodes = alerts["alerts"]["nodes"].as_array().expect("a list");
        let is_user = |alert: &&Value| alert["rule"]["name"] == "over 105";
        let mut fired: Vec<&str> = nodes.iter().filter(is_user).filter_map(|it| it["id"].as_str()).collect();
        fired.reverse();
        assert_eq!(fired.len(), KILLS.div_ceil(2) * SYMBOLS.len());
        let sent = receiver.received();
        let mut bodies: BTreeMap<String, &str> = BTreeMap::new();
        let mut first = Vec::new();
        for request in &sent {
            request.assert_signed_with(&secret);
            let body = bodies.entry(request.id()).or_insert_with(|| {
                first.push(request.id());
                &request.body
            });
            assert_eq!(*body, request.body, "every attempt sends the same");
        }
        assert_eq!(first, fired, "first attempts are in the order of the feed");
        let accepted: BTreeSet<String> = sent.iter().filter(|it| it.is_accepted()).map(Received::id).collect();
        assert_eq!(accepted.len(), fired.len(), "nothing is lost");
    }
}

/// Makes the pending deliveries due now instead of waiting for their retries.
async fn make_due(product: &Product, webhook: &str, receiver: &Receiver) {
    let input = json!({"id": webhook, "url": receiver.url});
    product
        .admin(UPDATE, json!({ "input": input }))
        .await
        .data();
}

/// Kills the process that tracks, and starts it again.
async fn restart(home: &Home, product: &mut Product, variables: &[(&str, &str)]) {
    if let Some(tracker) = &mut product.tracker {
        tracker.kill();
        product.tracker = Some(home.tracker(variables));
    } else {
        product.api.kill();
        *product = home.start(variables).await;
    }
}
