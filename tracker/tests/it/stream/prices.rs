//! Prices of streams: order, repetition, wrong values, days and rates.

use testkit::StreamDialect;

use super::provider::{BTC, DIALECTS, Stage};

#[tokio::test]
async fn late_and_repeated_trades_move_no_price() {
    for (dialect, symbol, _) in DIALECTS {
        let stage = Stage::new(dialect, &[symbol]).await;
        let running = stage.track_subscribed(&[symbol]).await;
        let now = stage.millis();
        stage.server.trade(
            symbol,
            &[("101", now - 10), ("140", now - 30), ("90", now - 20)],
        );
        stage.server.trade(symbol, &[("102", now - 5)]);
        stage.server.trade(symbol, &[("102", now - 5)]);
        stage.stored("102").await;
        stage.trade(symbol, "103").await;
        let prices = stage.world.prices().await;
        let last = prices.last().expect("a price");
        let text = |price: Option<entity::Decimal>| price.map(|it| it.to_string());
        assert_eq!(text(last.high).as_deref(), Some("140"));
        assert_eq!(text(last.low).as_deref(), Some("90"));
        let stored = stage.world.price_texts().await;
        assert!(!stored.contains(&"140".to_owned()), "{stored:?}");
        assert!(!stored.contains(&"90".to_owned()), "{stored:?}");
        running.stop().await;
    }
}

#[tokio::test]
async fn only_prices_that_can_be_stored_are() {
    for (dialect, symbol, other) in DIALECTS {
        let stage = Stage::new(dialect, &[symbol]).await;
        let running = stage.track_subscribed(&[symbol]).await;
        let now = stage.millis();
        for price in ["0", "-1", "null", "true", "\"x\"", "1e-9"] {
            stage.server.trade(symbol, &[(price, now)]);
        }
        // Not subscribed.
        stage.server.trade(other, &[("5", now)]);
        stage.server.trade(symbol, &[("\"101.5\"", now - 1)]);
        stage.stored("101.5").await;
        stage.server.trade(symbol, &[("1.025e2", now)]);
        stage.stored("102.5").await;
        assert_eq!(stage.world.price_texts().await, ["100", "101.5", "102.5"]);
        let counted = ["malformed", "price", "dropped"].map(|it| stage.count(it));
        assert_eq!(counted, [6, 2, 1]);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_trade_of_yesterday_is_dropped_and_one_of_the_future_counts_from_now() {
    for (dialect, symbol, _) in DIALECTS {
        let stage = Stage::new(dialect, &[symbol]).await;
        let running = stage.track_subscribed(&[symbol]).await;
        stage.trade(symbol, "101").await;
        let now = stage.millis();
        stage.server.trade(symbol, &[("50", now - 86_400_000)]);
        stage.server.trade(symbol, &[("102", now + 120_000)]);
        stage.stored("102").await;
        let prices = stage.world.prices().await;
        let last = prices.last().expect("a price");
        assert_eq!(last.market_time.micros() / 1_000, now);
        assert_eq!(stage.count("dropped"), 1);
        stage.trade(symbol, "103").await;
        assert!(!stage.world.price_texts().await.contains(&"50".to_owned()));
        running.stop().await;
    }
}

#[tokio::test]
async fn a_price_has_the_previous_close_of_its_seed_or_none() {
    let stage = Stage::new(StreamDialect::Finnhub, &["AAPL"]).await;
    stage.provider.fail("AAPL");
    let running = stage.track();
    stage.subscribed(&["AAPL"]).await;
    // 50 % above the stored close of an earlier day, which may be from before a split.
    stage.trade("AAPL", "150").await;
    let prices = stage.world.prices().await;
    assert_eq!(prices.last().map(|price| price.previous_close), Some(None));
    assert!(stage.world.alerts().await.is_empty());
    running.stop().await;

    let stage = Stage::new(StreamDialect::Finnhub, &["AAPL"]).await;
    let running = stage.track_subscribed(&["AAPL"]).await;
    stage.trade("AAPL", "150").await;
    let prices = stage.world.prices().await;
    let close = prices.last().and_then(|price| price.previous_close);
    assert_eq!(close.map(|it| it.to_string()).as_deref(), Some("98"));
    assert_eq!(stage.world.alerts().await.len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn fifty_thousand_frames_become_few_prices() {
    let stage = Stage::new(StreamDialect::Kraken, &[BTC]).await;
    let running = stage.track_subscribed(&[BTC]).await;
    let now = stage.millis();
    let started = std::time::Instant::now();
    for number in 0_u32..50_000 {
        let price = format!("{}", 100 + number % 50);
        stage.server.trade(BTC, &[(&price, now)]);
        if number % 500 == 0 {
            tokio::task::yield_now().await;
        }
    }
    stage.server.trade(BTC, &[("777", now)]);
    stage.stored("777").await;
    let intervals = started.elapsed().as_millis() / 100 + 3;
    let stored = stage.world.prices().await.len();
    assert!(
        stored as u128 <= intervals,
        "{stored} prices in {intervals} intervals"
    );
    // The first, the last and the seed are stored in any case.
    assert!(stored > 3, "nothing is stored while frames arrive");
    assert_eq!(stage.server.attempts(), 1);
    running.stop().await;
}
