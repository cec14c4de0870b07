//! Which symbols are streamed.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use runtime::config::KrakenSettings;
use testkit::{StreamDialect, StreamServer, TestDatabase};
use tracker::provider::Kraken;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{path, query_param, query_param_is_missing},
};

use super::provider::{DIALECTS, STREAMS, Stage};
use crate::fixture::World;

impl Stage {
    /// Records that a subscriber follows a stock, and one that does not exist.
    async fn follow(&self, of: &str) {
        let followed = self.world.stock(of).await.expect("a stock");
        let now = runtime::clock::Clock::now(&self.world.clock);
        let ids = [followed.id, 4_711];
        let following = store::priority::follow(self.world.database.write(), &ids, now).await;
        following.expect("it is stored");
    }
}

#[tokio::test]
async fn slots_are_dealt_anew_on_the_open_connection() {
    for (dialect, slots) in [(StreamDialect::Alpaca, 30), (StreamDialect::Finnhub, 50)] {
        let names: Vec<String> = (0..slots + 3).map(|it| format!("S{it:02}")).collect();
        let mut waiting: Vec<&str> = names.iter().map(String::as_str).collect();
        let stage = Stage::new(dialect, &waiting).await;
        // A followed stock gets a slot at once.
        stage.follow(waiting[slots + 2]).await;
        let running = stage.track();
        let mut followed = vec![waiting.pop().expect("a stock")];
        waiting.truncate(slots - 1);
        stage
            .until_elapsed("the first subscriptions", || {
                stage.server.subscribed() == [&waiting[..], &followed[..]].concat()
            })
            .await;
        // Later it takes the slot of another stock, also if it is new.
        stage.world.add("T").await;
        for later in [names[slots + 1].as_str(), "T"] {
            stage.follow(later).await;
            followed.push(later);
            followed.sort_unstable();
            waiting.pop();
            stage
                .until_elapsed("another subscription", || {
                    stage.server.subscribed() == [&waiting[..], &followed[..]].concat()
                })
                .await;
        }
        assert_eq!(stage.server.attempts(), 1);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_new_stock_is_streamed_although_it_is_confirmed_late() {
    for (dialect, first, second) in DIALECTS {
        let stage = Stage::new(dialect, &[first]).await;
        let running = stage.track_subscribed(&[first]).await;
        stage.server.behave(|it| {
            it.hold_acks = true;
            it.heartbeats = true;
        });
        stage.world.add(second).await;
        stage
            .until_elapsed("the subscription", || {
                stage.server.subscribed() == [first, second]
            })
            .await;
        stage.seeded(2).await;
        stage.trade(second, "101").await;
        stage.server.behave(|it| it.hold_acks = false);
        stage.trade(second, "102").await;
        stage.trade(first, "103").await;
        assert_eq!(stage.server.attempts(), 1);
        running.stop().await;
    }
}

#[tokio::test]
async fn followed_stocks_are_forgotten_after_a_minute() {
    for database in [
        testkit::TestDatabase::sqlite().await,
        testkit::TestDatabase::postgres().await,
    ] {
        let world = crate::fixture::World::new(database, &["AAPL", "MSFT"]).await;
        let stock = world.stock("MSFT").await.expect("a stock");
        let now = runtime::clock::Clock::now(&world.clock);
        let preferred = async |seconds| {
            let at = now.after(std::time::Duration::from_secs(seconds));
            let stocks = store::priority::priorities(world.database.read(), at).await;
            let stocks = stocks.expect("stocks").into_iter();
            let preferred = stocks.filter(|stock| stock.preferred);
            preferred
                .map(|stock| stock.symbol.to_string())
                .collect::<Vec<_>>()
        };
        assert!(preferred(0).await.is_empty());
        for _ in 0..2 {
            let following = store::priority::follow(world.database.write(), &[stock.id], now).await;
            following.expect("it is stored");
        }
        assert_eq!(preferred(59).await, ["MSFT"]);
        assert!(preferred(60).await.is_empty());
    }
}

#[tokio::test]
async fn a_pair_that_may_be_tokenised_is_streamed_once_the_list_has_its_name() {
    let world = World::new(TestDatabase::sqlite().await, &["AAPLX/USD", "BTC/USD"]).await;
    let server = StreamServer::start(StreamDialect::Kraken).await;
    let api = MockServer::start().await;
    let ok = |body: &str| ResponseTemplate::new(200).set_body_string(body);
    Mock::given(path("/0/public/AssetPairs"))
        .and(query_param_is_missing("aclass_base"))
        .respond_with(ok(
            r#"{"error":[],"result":{"XXBTZUSD":{"wsname":"XBT/USD"}}}"#,
        ))
        .mount(&api)
        .await;
    for (name, answer) in [
        (
            "XXBTZUSD",
            r#"{"error":[],"result":{"XXBTZUSD":{"c":["2","1"],"o":"1"}}}"#,
        ),
        ("AAPLX/USD", r#"{"error":["EQuery:Unknown asset pair"]}"#),
    ] {
        Mock::given(path("/0/public/Ticker"))
            .and(query_param("pair", name))
            .respond_with(ok(answer))
            .mount(&api)
            .await;
    }
    let limit = NonZeroU32::new(60).expect("more than 0");
    let settings = KrakenSettings {
        url: api.uri().parse().expect("a URL"),
        stream_url: server.url(),
        per_second: limit,
        per_minute: limit,
    };
    let timeout = Duration::from_secs(5);
    let kraken = Kraken::new(&settings, timeout, world.clock.shared()).expect("a provider");
    let running = world.track_streams(STREAMS, vec![Arc::new(kraken)]);
    // The part of the list with tokenised pairs fails. That is not an answer for the symbol.
    let polls = async || {
        let received = api.received_requests().await.unwrap_or_default();
        let of_tokenised = |it: &&wiremock::Request| {
            let query = it.url.query().unwrap_or_default();
            it.url.path() == "/0/public/Ticker" && query.contains("AAPLX")
        };
        received.iter().filter(of_tokenised).count()
    };
    let polled = async || polls().await >= 4;
    world
        .until_after(Duration::from_mins(1), "four polls", polled)
        .await;
    assert_eq!(server.subscribed(), ["BTC/USD"]);
    let stock = world.stock("AAPLX/USD").await.expect("a stock");
    assert_eq!((stock.unpriced_answers, stock.answered_at), (0, None));

    // The price is there before the list, after which it is requested at once.
    Mock::given(path("/0/public/Ticker"))
        .and(query_param("asset_class", "tokenized_asset"))
        .and(query_param("pair", "AAPLxUSD"))
        .respond_with(ok(
            r#"{"error":[],"result":{"AAPLxUSD":{"c":["3","1"],"o":"1"}}}"#,
        ))
        .mount(&api)
        .await;
    Mock::given(path("/0/public/AssetPairs"))
        .and(query_param("aclass_base", "tokenized_asset"))
        .respond_with(ok(
            r#"{"error":[],"result":{"AAPLxUSD":{"wsname":"AAPLx/USD"}}}"#,
        ))
        .mount(&api)
        .await;
    let both = async || server.subscribed() == ["AAPLx/USD", "BTC/USD"];
    world
        .until_after(Duration::from_mins(1), "both are streamed", both)
        .await;
    let priced = async || {
        let prices = world.prices().await;
        prices.iter().any(|it| it.price.to_string() == "3")
    };
    // It is polled as soon as the rate limit allows another request, not after an interval.
    let streamed_at = world.store.clock.now();
    world
        .until_after(Duration::from_secs(1), "it has a price", priced)
        .await;
    let elapsed = world.store.clock.now().since(streamed_at);
    assert!(elapsed < Duration::from_mins(4), "{elapsed:?}");
    let received = server.received().concat();
    assert!(!received.contains("AAPLX/USD"), "{received}");
    running.stop().await;
}
