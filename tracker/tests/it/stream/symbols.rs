//! Which symbols are streamed.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use runtime::config::KrakenSettings;
use testkit::{StreamDialect, StreamServer, TestDatabase};
use tracker::{StreamSettings, provider::Kraken};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{path, query_param, query_param_is_missing},
};

use super::provider::Stage;
use crate::fixture::World;

#[tokio::test]
async fn followed_stocks_get_the_slots() {
    let names: Vec<String> = (0..35).map(|it| format!("S{it:02}")).collect();
    let texts: Vec<&str> = names.iter().map(String::as_str).collect();
    let stage = Stage::new(StreamDialect::Alpaca, &texts).await;
    let followed = stage.world.stock("S34").await.expect("a stock");
    let now = runtime::clock::Clock::now(&stage.world.clock);
    let ids = [followed.id, 4_711];
    let following = store::priority::follow(stage.world.database.write(), &ids, now).await;
    following.expect("it is stored");
    let running = stage.track();
    let mut expected = texts[..29].to_vec();
    expected.push("S34");
    stage.subscribed(&expected).await;
    running.stop().await;
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
    let streams = StreamSettings {
        enabled: true,
        interval: Duration::from_millis(100),
    };
    let running = world.track_streams(streams, vec![Arc::new(kraken)]);
    // The part of the list with tokenised pairs fails, which says nothing about the symbol.
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

    Mock::given(path("/0/public/AssetPairs"))
        .and(query_param("aclass_base", "tokenized_asset"))
        .respond_with(ok(
            r#"{"error":[],"result":{"AAPLxUSD":{"wsname":"AAPLx/USD"}}}"#,
        ))
        .mount(&api)
        .await;
    Mock::given(path("/0/public/Ticker"))
        .and(query_param("asset_class", "tokenized_asset"))
        .and(query_param("pair", "AAPLxUSD"))
        .respond_with(ok(
            r#"{"error":[],"result":{"AAPLxUSD":{"c":["3","1"],"o":"1"}}}"#,
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
    world
        .until_after(Duration::from_mins(1), "it has a price", priced)
        .await;
    let received = server.received().concat();
    assert!(!received.contains("AAPLX/USD"), "{received}");
    running.stop().await;
}
