//! Dry runs over prices and candles that are written by hand.

use std::time::Duration;

use entity::{
    AlertKind, Candle, CandleInterval, ChangeBase, Decimal, Price, Ratio, Timestamp, Trigger,
    table::stock_price,
};
use market::session_close;
use sea_orm::EntityTrait;
use store::price::Recorded;
use testkit::TestDatabase;
use tracker::quote::{PreviousClose, Quote};

use super::{
    super::{NewRule, NotFired, RuleTest},
    random_rule::decimal,
    settings::plain,
    trial::{Trial, batch, dry_run},
};
use crate::service::Error;

/// A Friday at noon in New York.
const NOON: &str = "2026-11-20T17:00:00Z";

async fn trial(symbols: &[&str]) -> Trial {
    let now = NOON.parse().expect("an instant");
    Trial::new(TestDatabase::sqlite().await, symbols, now).await
}

/// Stores prices of AAPL (or another stock), one a minute.
async fn store(trial: &mut Trial, symbol: &str, day: &str, prices: &[&str]) {
    for price in prices {
        trial.clock.advance(Duration::from_mins(1));
        let quote = Quote {
            previous_close: PreviousClose::None,
            ..Quote::new(
                symbol.parse().expect("a symbol"),
                decimal(price),
                day.parse().expect("a date"),
            )
        };
        trial.ingest(batch(vec![quote], false), false).await;
    }
}

async fn test(trial: &Trial, new: NewRule, from: Option<Timestamp>) -> Result<RuleTest, Error> {
    dry_run(&trial.service, new, Recorded { from, to: None }).await
}

/// The dry run over everything.
async fn all(trial: &Trial, new: NewRule) -> RuleTest {
    test(trial, new, None).await.expect("a dry run")
}

/// The prices of the firings.
fn prices(test: &RuleTest) -> Vec<String> {
    let prices = test.fired.iter().map(|firing| firing.price.to_string());
    prices.collect()
}

async fn candles(trial: &mut Trial, closes: &[(&str, &str, i64)]) {
    let candle = |(day, close, volume): &(&str, &str, i64)| {
        let session = market::Market::Us.session(day.parse().expect("a date"));
        Candle {
            stock_id: trial.stocks[0].id,
            interval: CandleInterval::OneDay,
            start: session.start,
            opened_at: None,
            closed_at: session.end,
            open: decimal(close),
            high: decimal(close),
            low: decimal(close),
            close: decimal(close),
            volume: Some(*volume),
            count: 1,
        }
    };
    let candles: Vec<Candle> = closes.iter().map(candle).collect();
    trial.write_candles(&candles).await;
}

#[tokio::test]
async fn candles_stand_for_the_days_before_the_first_price() {
    let mut trial = trial(&["AAPL"]).await;
    let days = [
        ("2026-11-12", "90", 10),
        ("2026-11-13", "95", 10),
        ("2026-11-16", "104", 10),
        ("2026-11-17", "99", 10),
        ("2026-11-18", "98", 10),
        ("2026-11-19", "97", 25),
    ];
    candles(&mut trial, &days).await;
    store(&mut trial, "AAPL", "2026-11-20", &["101", "99", "100"]).await;
    let above = plain(AlertKind::PriceAbove, "100");
    let dry = all(&trial, above.clone()).await;
    assert_eq!((dry.candles_seen, dry.prices_seen, dry.count), (6, 3, 3));
    assert_eq!(prices(&dry), ["104", "101", "100"]);
    let [first, second, _] = &dry.fired[..] else {
        panic!("{dry:?}");
    };
    let close = session_close("2026-11-16".parse().expect("a date"));
    assert_eq!((first.is_candle, first.at), (true, close));
    assert!(!second.is_candle && second.split_factor == Decimal::from_int(1));
    // The first price is compared with the last candle.
    let crossing = all(&trial, plain(AlertKind::CrossesAbove, "100")).await;
    assert_eq!(prices(&crossing), ["104", "101", "100"]);
    let change = all(&trial, plain(AlertKind::PercentChange, "5")).await;
    assert_eq!(prices(&change), ["95", "104"]);
    let spike = all(&trial, plain(AlertKind::VolumeSpike, "2.5")).await;
    assert_eq!(prices(&spike), ["97"]);
    // The range excludes candles, which still precede its first sample.
    let from = session_close("2026-11-19".parse().expect("a date"));
    let dry = test(&trial, above, Some(from)).await.expect("a dry run");
    assert_eq!((dry.candles_seen, dry.prices_seen, dry.count), (1, 3, 2));
    let window = NewRule {
        window_seconds: Some(86_400),
        ..plain(AlertKind::ChangeInWindow, "4")
    };
    let after = from.after(Duration::from_secs(1));
    let dry = test(&trial, window, Some(after)).await.expect("a dry run");
    assert_eq!(
        (dry.candles_seen, prices(&dry)),
        (0, vec!["101".to_owned()])
    );
}

#[tokio::test]
async fn a_window_contains_prices_before_the_range_however_old_they_are() {
    let mut trial = trial(&["AAPL"]).await;
    // Prices of last week that were recorded today, as in a replay.
    store(&mut trial, "AAPL", "2026-11-12", &["100"]).await;
    let from = trial.service.now().after(Duration::from_secs(1));
    store(&mut trial, "AAPL", "2026-11-13", &["103"]).await;
    let change = NewRule {
        window_seconds: Some(86_400),
        ..plain(AlertKind::ChangeInWindow, "3")
    };
    let dry = test(&trial, change, Some(from)).await.expect("a dry run");
    let references: Vec<_> = dry.fired.iter().map(|it| it.reference_price).collect();
    assert_eq!(references, [Some(decimal("100"))]);
}

#[tokio::test]
async fn a_rule_that_does_not_fire_has_the_reason_of_its_furthest_sample() {
    let mut trial = trial(&["AAPL"]).await;
    let above = |threshold| plain(AlertKind::PriceAbove, threshold);
    let dry = all(&trial, above("100")).await;
    assert_eq!(dry.not_fired, Some(NotFired::NoPrices));
    store(&mut trial, "AAPL", "2026-11-20", &["99"]).await;
    let crossing = all(&trial, plain(AlertKind::CrossesAbove, "100")).await;
    assert_eq!(crossing.not_fired, Some(NotFired::NoReference));
    let begun = trial.clock.shared().now();
    store(&mut trial, "AAPL", "2026-11-20", &["101", "102"]).await;
    for (new, expected) in [
        (above("103"), Some(NotFired::NeverTrue)),
        (above("102"), None),
        (
            plain(AlertKind::VolumeSpike, "1"),
            Some(NotFired::NoReference),
        ),
        (
            plain(AlertKind::PercentChange, "1"),
            Some(NotFired::NoReference),
        ),
        (
            NewRule {
                hold_seconds: 600,
                ..above("101")
            },
            Some(NotFired::NotHeld),
        ),
        (
            NewRule {
                expires_at: Some(begun.before(Duration::from_hours(1))),
                ..above("99")
            },
            Some(NotFired::Expired),
        ),
        // It was evaluated before its expiry.
        (
            NewRule {
                expires_at: Some(begun.after(Duration::from_secs(1))),
                ..above("101")
            },
            Some(NotFired::NeverTrue),
        ),
    ] {
        let dry = all(&trial, new.clone()).await;
        assert_eq!(dry.not_fired, expected, "{new:?}");
        assert_eq!(dry.prices_seen, 3);
    }
}

#[tokio::test]
async fn older_prices_are_divided_by_the_splits_since() {
    let mut trial = trial(&["AAPL"]).await;
    store(&mut trial, "AAPL", "2026-11-19", &["400", "440"]).await;
    let stock = trial.stocks[0].id;
    let day = "2026-11-20".parse().expect("a date");
    trial.split(stock, day, Ratio::new(4, 1)).await;
    let unsplit = all(&trial, plain(AlertKind::PriceAbove, "440")).await;
    assert_eq!(unsplit.fired[0].split_factor, Decimal::from_int(1));
    store(&mut trial, "AAPL", "2026-11-20", &["105", "111"]).await;
    let dry = all(&trial, plain(AlertKind::PriceAbove, "110")).await;
    assert_eq!(prices(&dry), ["110", "111"]);
    let factors: Vec<String> = dry
        .fired
        .iter()
        .map(|it| it.split_factor.to_string())
        .collect();
    assert_eq!(factors, ["4", "1"]);
    assert_eq!(dry.fired[0].reference_price, Some(decimal("110")));
    let last_alert = NewRule {
        base: Some(ChangeBase::LastAlert),
        ..plain(AlertKind::PercentChange, "10")
    };
    let dry = all(&trial, last_alert).await;
    assert_eq!(prices(&dry), ["110"]);
    assert_eq!(dry.fired[0].reference_price, Some(decimal("100")));
}

#[tokio::test]
async fn a_rule_for_all_stocks_that_fires_once_fires_for_the_first_stock() {
    let mut trial = trial(&["AAPL", "IBM"]).await;
    store(&mut trial, "AAPL", "2026-11-20", &["100", "101"]).await;
    store(&mut trial, "IBM", "2026-11-20", &["50", "60"]).await;
    store(&mut trial, "AAPL", "2026-11-20", &["120"]).await;
    let everywhere = NewRule {
        symbol: None,
        window_seconds: Some(3_600),
        ..plain(AlertKind::ChangeInWindow, "15")
    };
    let dry = all(&trial, everywhere.clone()).await;
    assert_eq!(prices(&dry), ["60", "120"]);
    let once = NewRule {
        trigger: Trigger::Once,
        ..everywhere
    };
    let dry = all(&trial, once).await;
    assert_eq!((dry.count, prices(&dry)), (1, vec!["60".to_owned()]));
    assert_eq!((dry.prices_seen, dry.not_fired), (5, None));
}

/// Writes prices of AAPL that alternate between 100 and 101, one a second.
async fn alternate(trial: &mut Trial, count: i64) {
    let start = trial.clock.shared().now();
    let price = |at: i64| Price {
        stock_id: trial.stocks[0].id,
        symbol: trial.stocks[0].symbol.clone(),
        seq: at - count,
        price: Decimal::from_int(if at % 2 == 0 { 100 } else { 101 }),
        previous_close: None,
        open: None,
        high: None,
        low: None,
        volume: None,
        trading_day: "2026-11-20".parse().expect("a date"),
        market_time: Timestamp::from_micros(start.micros() + at * 1_000_000),
        market_time_sent: true,
        recorded_at: Timestamp::from_micros(start.micros() + at * 1_000_000),
        provider: "test".to_owned(),
    };
    let prices: Vec<Price> = (0..count).map(price).collect();
    for chunk in prices.chunks(500) {
        let rows = chunk.iter().map(stock_price::ActiveModel::from);
        let written = stock_price::Entity::insert_many(rows);
        let written = written.exec_without_returning(trial.store.database.write());
        written.await.expect("write the prices");
    }
    let length = u64::try_from(count).expect("a count");
    trial.clock.advance(Duration::from_secs(length));
    store(trial, "AAPL", "2026-11-20", &["99"]).await;
}

#[tokio::test]
async fn the_first_1000_firings_are_returned_and_all_are_counted() {
    let mut trial = trial(&["AAPL"]).await;
    // More than two pages.
    alternate(&mut trial, 4_200).await;
    let above = plain(AlertKind::PriceAbove, "101");
    let dry = all(&trial, above.clone()).await;
    assert_eq!((dry.prices_seen, dry.count), (4_201, 2_100));
    assert_eq!(dry.fired.len(), 1_000);
    assert!(dry.fired.is_sorted_by_key(|firing| firing.at));
    let noon: Timestamp = NOON.parse().expect("an instant");
    assert_eq!(dry.fired[0].at, noon.after(Duration::from_secs(1)));
    assert_eq!(dry.fired[999].at, noon.after(Duration::from_secs(1_999)));
    // A deadline drops the dry run, which stops between two pages.
    let dropped = tokio::time::timeout(Duration::from_millis(1), all(&trial, above)).await;
    assert!(dropped.is_err());
}

#[tokio::test]
async fn a_range_with_too_many_samples_is_refused() {
    let mut trial = trial(&["AAPL", "IBM"]).await;
    candles(&mut trial, &[("2026-11-19", "97", 25)]).await;
    store(&mut trial, "AAPL", "2026-11-20", &["100", "101"]).await;
    store(&mut trial, "IBM", "2026-11-20", &["100"]).await;
    let everywhere = NewRule {
        symbol: None,
        ..plain(AlertKind::PercentChange, "15")
    };
    for (most, accepted) in [(2, false), (3, false), (4, true)] {
        trial.service.max_samples = most;
        let dry = test(&trial, everywhere.clone(), None).await;
        assert_eq!(dry.is_ok(), accepted, "{most}");
        if let Err(error) = dry {
            assert_eq!(error.code(), "BAD_USER_INPUT");
            let text = error.to_string();
            assert!(
                text.starts_with("from: ") && text.contains(&most.to_string()),
                "{text}"
            );
        }
    }
    trial.service.max_samples = 1;
    let dry = test(
        &trial,
        plain(AlertKind::PriceAbove, "1"),
        Some(trial.clock.shared().now()),
    );
    assert!(dry.await.is_ok());
}
