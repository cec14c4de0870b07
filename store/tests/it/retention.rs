//! Retention of prices and of the feed.

use std::time::Duration;

use entity::{Candle, CandleInterval, Decimal, Position, Timestamp};
use runtime::{clock::ManualClock, config::RetentionSettings};
use sea_orm::{ConnectionTrait, Statement};
use store::database::DatabaseKind;
use store::{
    Store,
    feed::{FeedFollower, FeedUpdate},
    page::Span,
    price::{self, Recorded},
    retention::{PruneCursor, create_partitions, prune_feed, prune_prices},
};
use testkit::on_both_databases;

use crate::fixture::{record_now, store};

const DAY: Duration = Duration::from_hours(24);
const RETENTION: RetentionSettings = RetentionSettings {
    ticks: Duration::from_hours(90 * 24),
    feed: DAY,
    deliveries: Duration::from_hours(30 * 24),
};

/// Stores the candle of the minute of all prices in these tests.
async fn cover(store: &Store, stock: i64) {
    let candle = Candle {
        stock_id: stock,
        interval: CandleInterval::OneMinute,
        start: Timestamp::from_micros(0),
        opened_at: None,
        closed_at: Timestamp::from_micros(0),
        open: Decimal::from_units(1),
        high: Decimal::from_units(1),
        low: Decimal::from_units(1),
        close: Decimal::from_units(1),
        volume: None,
        count: 1,
    };
    let written = store::candle::write(store.database.write(), &[candle]).await;
    written.expect("the candle is written");
}

/// Stores prices of both stocks in turn, one every `step`, and returns their positions.
async fn grow(store: &Store, clock: &ManualClock, prices: i64, step: Duration) -> Vec<Position> {
    let mut places = Vec::new();
    for turn in 0..prices {
        places.push(record_now(store, 1 + turn % 2).await);
        clock.advance(step);
    }
    places
}

async fn prune_all(store: &Store) {
    while prune_feed(store, RETENTION)
        .await
        .expect("the feed is pruned")
    {}
    let mut looked = Some(PruneCursor::default());
    while let Some(from) = looked {
        looked = prune_prices(store, RETENTION, from)
            .await
            .expect("prices are pruned");
    }
}

async fn kept(store: &Store, stock: i64) -> Vec<i64> {
    let span = Span {
        after: None,
        before: None,
        limit: 500,
        from_end: false,
    };
    let (connection, now) = (store.database.read(), store.clock.now());
    let page = price::page(connection, now, stock, Recorded::default(), &span).await;
    page.expect("a page")
        .rows
        .iter()
        .rev()
        .map(|row| row.seq)
        .collect()
}

async fn has_expired(store: &Store, stocks: Option<&[i64]>, place: Position) -> bool {
    price::has_expired(store.database.read(), stocks, place)
        .await
        .expect("an answer")
}

/// Reads the positions of all prices after `from`, page by page.
async fn after(store: &Store, stocks: Option<&[i64]>, from: Position, end: Position) -> Vec<i64> {
    let (mut seqs, mut at) = (Vec::new(), from);
    while at.seq < end.seq {
        let page = price::after(store.database.read(), stocks, at, end, 3)
            .await
            .expect("a page");
        assert!(page.up_to.seq > at.seq, "each page makes progress");
        seqs.extend(page.prices.iter().map(|it| it.seq));
        at = page.up_to;
    }
    seqs
}

on_both_databases! {
    async fn old_prices_are_deleted_and_their_positions_recorded(database) {
        let (store, clock) = store(&database, &["AAPL", "IBM", "MSFT"]).await;
        cover(&store, 1).await;
        cover(&store, 2).await;
        // Half a year with a price every ten days. The clock is ten days after the last one.
        let places = grow(&store, &clock, 18, DAY * 10).await;
        let end = store::feed::end(&store).await.expect("an end");
        prune_all(&store).await;
        // The first remaining price is exactly 90 days old.
        assert_eq!((kept(&store, 1).await, kept(&store, 2).await), (vec![11, 13, 15, 17], vec![10, 12, 14, 16, 18]));
        for (stocks, last_gone) in [(None, 9), (Some(&[1, 2][..]), 9), (Some(&[1]), 9), (Some(&[2]), 8), (Some(&[3]), 0)] {
            for place in &places {
                let expired = has_expired(&store, stocks, *place).await;
                assert_eq!(expired, place.seq < last_gone, "{stocks:?} {place:?}");
            }
            let begin = Position { seq: 0, ..places[0] };
            assert_eq!(has_expired(&store, stocks, begin).await, last_gone > 0);
        }
        assert_eq!(after(&store, None, places[8], end).await, (10..=18).collect::<Vec<_>>());
        assert_eq!(after(&store, Some(&[2, 3]), places[8], end).await, [10, 12, 14, 16, 18]);
        // A microsecond later one more is deleted.
        clock.advance(Duration::from_micros(1));
        prune_all(&store).await;
        assert_eq!(kept(&store, 2).await, [12, 14, 16, 18]);
        assert!(has_expired(&store, Some(&[2]), places[8]).await);
        assert!(!has_expired(&store, Some(&[1]), places[8]).await);
    }

    async fn the_latest_price_is_kept_and_new_ones_follow_it(database) {
        let (store, clock) = store(&database, &["AAPL", "IBM"]).await;
        cover(&store, 1).await;
        let place = record_now(&store, 1).await;
        clock.advance(DAY * 400);
        prune_all(&store).await;
        assert_eq!(kept(&store, 1).await, [place.seq]);
        let latest = price::latest(store.database.read(), &[1]).await.expect("an answer");
        assert_eq!(latest[0].seq, place.seq);
        is_alone(&store, place).await;
        create_partitions(&store).await.expect("the months to come are made");
        let next = record_now(&store, 1).await;
        assert_eq!(kept(&store, 1).await, [next.seq]);
        assert!(!has_expired(&store, None, place).await, "later prices are stored");
        assert!(has_expired(&store, None, Position { seq: 0, ..place }).await);
    }

    async fn a_price_without_a_candle_is_kept_and_blocks_nothing(database) {
        let (store, clock) = store(&database, &["AAPL", "IBM"]).await;
        cover(&store, 2).await;
        grow(&store, &clock, 18, DAY * 10).await;
        clock.advance(DAY * 400);
        prune_all(&store).await;
        assert_eq!(kept(&store, 1).await, [1, 3, 5, 7, 9, 11, 13, 15, 17]);
        assert_eq!(kept(&store, 2).await, [18]);
        cover(&store, 1).await;
        prune_all(&store).await;
        assert_eq!(kept(&store, 1).await, [17]);
    }

    async fn prices_are_deleted_in_batches(database) {
        let (store, clock) = store(&database, &["AAPL", "IBM"]).await;
        cover(&store, 1).await;
        cover(&store, 2).await;
        grow(&store, &clock, 1_203, Duration::from_millis(1)).await;
        clock.advance(DAY * 90);
        clock.set(store.clock.now().before(Duration::from_millis(3)));
        let begun = prune_prices(&store, RETENTION, PruneCursor::default()).await.expect("a batch");
        assert!(begun.is_some() && kept(&store, 1).await.len() > 300);
        prune_all(&store).await;
        assert_eq!((kept(&store, 1).await, kept(&store, 2).await), (vec![1_201, 1_203], vec![1_202]));
    }

    async fn a_follower_that_was_away_too_long_detects_the_loss(database) {
        let (store, clock) = store(&database, &["AAPL", "IBM"]).await;
        let mut away = follower(&store).await;
        grow(&store, &clock, 3, DAY / 4).await;
        let mut near = follower(&store).await;
        let places = grow(&store, &clock, 3, DAY / 4).await;
        // The fourth is exactly a day old and kept.
        clock.advance(DAY / 4);
        prune_all(&store).await;
        let FeedUpdate::Batches(batches) = near.read_once().await.expect("the feed is read") else {
            panic!("no missed row was pruned")
        };
        assert_eq!(batches.iter().map(|batch| batch.end).collect::<Vec<_>>(), places);
        assert_eq!(away.read_once().await.expect("the feed is read"), FeedUpdate::Lost(places[2]));
        assert_eq!(away.read_once().await.expect("the feed is read"), FeedUpdate::Batches(Vec::new()));
        let next = record_now(&store, 1).await;
        let FeedUpdate::Batches(batches) = away.read_once().await.expect("the feed is read") else {
            panic!("it follows again")
        };
        assert_eq!(batches[0].end, next);
    }

    async fn an_old_feed_keeps_its_last_row_for_followers_that_were_away(database) {
        let (store, clock) = store(&database, &["AAPL", "IBM"]).await;
        let mut away = follower(&store).await;
        let places = grow(&store, &clock, 700, Duration::from_millis(1)).await;
        let mut near = follower(&store).await;
        clock.advance(DAY * 30);
        prune_all(&store).await;
        assert_eq!(away.read_once().await.expect("the feed is read"), FeedUpdate::Lost(places[699]));
        assert_eq!(near.read_once().await.expect("the feed is read"), FeedUpdate::Batches(Vec::new()));
    }

    async fn an_old_month_is_dropped_with_its_partition(database) {
        let (store, clock) = store(&database, &["AAPL", "IBM"]).await;
        cover(&store, 1).await;
        cover(&store, 2).await;
        grow(&store, &clock, 40, DAY * 10).await;
        prune_all(&store).await;
        create_partitions(&store).await.expect("the months to come are made");
        if database.kind() == DatabaseKind::Postgres {
            let text = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class JOIN pg_inherits ON inhrelid = oid \
                        WHERE inhparent = 'stock_prices'::regclass";
            let statement = Statement::from_string(database.read().get_database_backend(), text);
            let row = database.read().query_one_raw(statement).await.expect("an answer").expect("a row");
            let tables: String = row.try_get_by_index(0).expect("names");
            // 400 days after the start of 1970 it is February; three months before is November.
            assert_eq!(
                tables,
                "stock_prices_1970_11 stock_prices_1970_12 stock_prices_1971_01 stock_prices_1971_02 \
                 stock_prices_1971_03 stock_prices_1971_04"
            );
        }
        assert_eq!(kept(&store, 1).await, [33, 35, 37, 39]);
        assert_eq!(kept(&store, 2).await, [32, 34, 36, 38, 40]);
    }
}

/// Creates a follower at the end of the feed.
async fn follower(store: &Store) -> FeedFollower {
    let end = store::feed::end(store).await.expect("an end");
    FeedFollower::after(store.clone(), end)
}

/// Checks that every read returns only this price for stock 1 and nothing for stock 2.
async fn is_alone(store: &Store, place: Position) {
    let (connection, now) = (store.database.read(), store.clock.now());
    let beside = |micros: i64| Position {
        recorded_at: Timestamp::from_micros(place.recorded_at.micros() + micros),
        ..place
    };
    let all = Recorded::default();
    let from = |from| Recorded {
        from: Some(from),
        to: None,
    };
    let to = |to| Recorded {
        from: None,
        to: Some(to),
    };
    for (recorded, after, before, expected) in [
        (all, None, None, (1, false, false)),
        (all, Some(place), None, (0, false, true)),
        (all, None, Some(place), (0, true, false)),
        (all, Some(beside(1)), None, (1, false, false)),
        (all, None, Some(beside(-1)), (1, false, false)),
        (from(place.recorded_at), None, None, (1, false, false)),
        (from(beside(1).recorded_at), None, None, (0, false, false)),
        (to(place.recorded_at), None, None, (0, false, false)),
        (to(beside(1).recorded_at), None, None, (1, false, false)),
    ] {
        for from_end in [false, true] {
            let span = Span {
                after: after.map(Into::into),
                before: before.map(Into::into),
                limit: 5,
                from_end,
            };
            let page = price::page(connection, now, 1, recorded, &span).await;
            let page = page.expect("a page");
            let found = (page.rows.len(), page.has_next, page.has_previous);
            assert_eq!(found, expected, "{recorded:?} {span:?}");
        }
    }
    let pages = price::first_pages(connection, now, &[1, 2], all, 5, false).await;
    let pages = pages.expect("pages");
    let counted = [1, 2].map(|stock| pages.get(&stock).map_or(0, |page| page.rows.len()));
    assert_eq!(counted, [1, 0]);
}
