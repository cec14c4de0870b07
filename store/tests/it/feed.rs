//! The order of the feed with concurrent writers and a clock that steps backwards.

use std::time::Duration;

use entity::{Batch, Event, Position, Timestamp};
use sea_orm::ConnectionTrait;
use store::{
    Store,
    feed::{FeedFollower, FeedTransaction, FeedUpdate, end, has},
    stock::{track, untrack},
};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    databases::on_every_feed,
    fixture::{record_now, shared, symbol},
};

/// Reads the next batches, of which none may be pruned.
async fn read(follower: &mut FeedFollower) -> Vec<Batch> {
    match follower.read_once().await.expect("the feed is read") {
        FeedUpdate::Batches(batches) => batches,
        update => panic!("nothing was pruned, but: {update:?}"),
    }
}

on_every_feed! {
    async fn positions_are_in_commit_order_with_concurrent_writers(mut database) {
        const WRITERS: i64 = 8;
        const EACH: i64 = 10;
        let (store, _) = database.store(&["AAPL"]).await;
        let mut follower = at_end(&store).await;
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let store = shared(&store);
            writers.spawn(async move {
                let mut ends = Vec::new();
                for turn in 0..EACH {
                    let mut feed = FeedTransaction::begin(&store).await.expect("a turn");
                    let new = symbol(&format!("W{writer}T{turn}"));
                    track(&mut feed, &new, None).await.expect("track the stock");
                    // Some roll back, which leaves nothing, not even a gap of positions.
                    if turn % 3 == 2 {
                        drop(feed);
                    } else {
                        ends.push(feed.commit().await.expect("commit").seq);
                    }
                }
                assert!(ends.is_sorted(), "a writer's later commits come later");
            });
        }
        let mut seen = Vec::new();
        loop {
            let batches = read(&mut follower).await;
            let events = batches.iter().flat_map(|batch| &batch.events);
            seen.extend(events.map(Event::seq));
            if let Some(ended) = writers.try_join_next() {
                ended.expect("the writer succeeds");
            } else if writers.is_empty() && follower.position() == end(&store).await.expect("an end") {
                break;
            } else {
                follower.wait().await;
            }
        }
        let last = i64::try_from(seen.len()).expect("a count");
        assert_eq!(seen, (1..=last).collect::<Vec<_>>(), "read while written, without a gap or a repeat");
        assert_eq!(end(&store).await.expect("an end").seq, last);
        assert_eq!(last, WRITERS * 7, "of ten turns each, three were given up");
    }

    async fn recorded_at_never_decreases_even_if_the_clock_does(mut database) {
        let (store, clock) = database.store(&["AAPL"]).await;
        clock.advance(Duration::from_mins(1));
        let mut instants = Vec::new();
        for step in 0..4 {
            let mut feed = FeedTransaction::begin(&store).await.expect("a turn");
            let of = symbol("IBM");
            if step % 2 == 0 {
                track(&mut feed, &of, None).await.expect("tracked");
            } else {
                untrack(&mut feed, &of).await.expect("untracked");
            }
            instants.push(feed.commit().await.expect("commit").recorded_at);
            clock.set(Timestamp::from_micros(5));
        }
        assert!(instants.is_sorted(), "{instants:?}");
        assert_eq!(instants[0], instants[3]);
    }

    async fn tracking_twice_is_published_once_and_a_stock_keeps_its_id(mut database) {
        let (store, _) = database.store(&["AAPL"]).await;
        let mut follower = at_end(&store).await;
        let mut ids = Vec::new();
        for name in [Some("Big Blue"), Some("Big Blue"), None] {
            let mut feed = FeedTransaction::begin(&store).await.expect("a turn");
            let stock = track(&mut feed, &symbol("ibm"), name.map(Into::into)).await.expect("tracked");
            assert_eq!(stock.name.as_deref(), Some("Big Blue"));
            ids.push(stock.id);
            feed.commit().await.expect("commit");
        }
        for _ in 0..2 {
            let mut feed = FeedTransaction::begin(&store).await.expect("a turn");
            let stock = untrack(&mut feed, &symbol("IBM")).await.expect("untracked").expect("known");
            ids.push(stock.id);
            feed.commit().await.expect("commit");
        }
        let mut feed = FeedTransaction::begin(&store).await.expect("a turn");
        let unknown = untrack(&mut feed, &symbol("NOPE")).await.expect("answered");
        assert_eq!(unknown, None);
        drop(feed);
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
        let seen = read(&mut follower).await;
        assert_eq!(seen.len(), 2, "tracked once, untracked once");
    }
}

/// Waits until the follower detects that the feed was replaced.
async fn replaced(follower: &mut FeedFollower) -> Position {
    let noticing = async {
        loop {
            match follower.read_once().await.expect("the feed is read") {
                FeedUpdate::Replaced(position) => return position,
                FeedUpdate::Batches(batches) if batches.is_empty() => follower.wait().await,
                other => panic!("not replaced: {other:?}"),
            }
        }
    };
    let noticed = timeout(Duration::from_secs(20), noticing).await;
    noticed.expect("detected in time")
}

/// Deletes the last entry of the feed, as when a standby without it is promoted.
async fn lose_last(store: &Store) {
    for sql in [
        "DELETE FROM stock_prices WHERE seq = (SELECT seq FROM feed_head)",
        "DELETE FROM feed WHERE seq = (SELECT seq FROM feed_head)",
        "UPDATE feed_head SET (seq, recorded_at) = (SELECT seq, recorded_at FROM feed ORDER BY seq DESC LIMIT 1)",
    ] {
        let lost = store.database.write().execute_unprepared(sql).await;
        lost.expect("delete the last entry");
    }
}

on_every_feed! {
    async fn a_replaced_feed_is_detected_and_followed(mut database) {
        let (store, clock) = database.store(&["AAPL"]).await;
        let mut follower = at_end(&store).await;
        let change_epoch = "UPDATE feed_head SET epoch = epoch + 1";
        let change_epoch = async || {
            let changed = store.database.write().execute_unprepared(change_epoch).await;
            changed.expect("change the epoch");
        };
        for (loses, grows, new_epoch) in [(0, 0, true), (1, 0, false), (1, 1, false), (2, 3, false), (2, 0, true)] {
            for _ in 0..3 {
                clock.advance(Duration::from_secs(1));
                record_now(&store, 1).await;
            }
            let known = end(&store).await.expect("an end");
            while follower.position() != known {
                read(&mut follower).await;
                follower.wait().await;
            }
            for _ in 0..loses {
                lose_last(&store).await;
            }
            clock.advance(Duration::from_secs(1));
            for _ in 0..grows {
                record_now(&store, 1).await;
            }
            if new_epoch {
                change_epoch().await;
            }
            let position = end(&store).await.expect("an end");
            assert_eq!(replaced(&mut follower).await, position);
            let is_known = has(&store, known).await.expect("the feed is read");
            assert_eq!(is_known, loses == 0, "the last position is known unless it was lost");
            let next = record_now(&store, 1).await;
            let mut seen = Vec::new();
            while seen.is_empty() {
                follower.wait().await;
                seen = read(&mut follower).await;
            }
            assert_eq!(seen.iter().map(|batch| batch.end).collect::<Vec<_>>(), [next]);
        }
    }
}

/// Creates a follower at the end of the feed.
pub(crate) async fn at_end(store: &Store) -> FeedFollower {
    let end = end(store).await.expect("an end");
    FeedFollower::after(store.clone(), end)
}

on_every_feed! {
    async fn a_position_is_assigned_after_the_previous_transaction_ended(mut database) {
        let (store, _) = database.store(&["AAPL"]).await;
        for (commits, symbols) in [(true, ["A", "B"]), (false, ["C", "D"])] {
            let before = end(&store).await.expect("an end").seq;
            let mut first = FeedTransaction::begin(&store).await.expect("a turn");
            track(&mut first, &symbol(symbols[0]), None).await.expect("track the stock");
            let mut writers = JoinSet::new();
            let late = store.clone();
            writers.spawn(async move {
                let mut second = FeedTransaction::begin(&late).await.expect("a turn");
                track(&mut second, &symbol(symbols[1]), None).await.expect("track the stock");
                second.commit().await.expect("commit").seq
            });
            // The second transaction waits while the first is open.
            let early = timeout(Duration::from_millis(500), writers.join_next()).await;
            assert!(early.is_err(), "{early:?}");
            assert_eq!(end(&store).await.expect("an end").seq, before);
            let kept = if commits {
                first.commit().await.expect("commit").seq
            } else {
                drop(first);
                before
            };
            let second = writers.join_next().await.expect("one").expect("no panic");
            assert_eq!((kept, second), (before + i64::from(commits), kept + 1));
        }
    }
}
