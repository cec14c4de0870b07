//! The stream of the feed, and its failures.

use std::time::Duration;

use async_nats::jetstream;
use entity::{Event, Position};
use store::{
    Store,
    feed::{FeedFollower, FeedTransaction, FeedUpdate, end},
    stock::track,
};
use testkit::{FaultProxy, TestDatabaseUrl};

use crate::{
    databases::FeedDatabase,
    feed::at_end,
    fixture::{record_now, symbol},
};

/// The timeout of a test, for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Follows the feed up to `last`, ignoring errors, and returns the positions of its events.
async fn follow(follower: &mut FeedFollower, last: i64) -> Vec<i64> {
    let mut seen = Vec::new();
    let following = async {
        while seen.last().is_none_or(|seq| *seq < last) {
            match follower.read_once().await {
                Ok(FeedUpdate::Batches(batches)) if batches.is_empty() => follower.wait().await,
                Ok(FeedUpdate::Batches(batches)) => {
                    let events = batches.iter().flat_map(|batch| &batch.events);
                    seen.extend(events.map(Event::seq));
                }
                Ok(update) => panic!("nothing was lost, but: {update:?}"),
                // The database is unreachable, but the stream may be available.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, following)
        .await
        .expect("receive all events");
    seen
}

/// Stores `count` prices of a stock, one per batch.
async fn write(store: &Store, count: usize) -> Position {
    for _ in 0..count {
        record_now(store, 1).await;
    }
    end(store).await.expect("an end")
}

/// Returns the number of entries in the stream, 0 if it does not exist.
async fn entries(database: &FeedDatabase) -> u64 {
    let url = database.nats.as_ref().expect("NATS").url();
    let client = async_nats::connect(url).await.expect("a connection");
    let name = format!("stock_tracker_feed_{:016x}", 7);
    let stream = jetstream::new(client).get_stream(name).await;
    // It may not be created again yet.
    stream.map_or(0, |stream| stream.cached_info().state.messages)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_without_a_database_receives_all_events_from_the_stream() {
    let mut database = FeedDatabase::nats().await;
    let (store, clock) = database.store(&["AAPL"]).await;
    let (mut proxy, url) = FaultProxy::for_database(database.database.url().as_str()).await;
    let beyond = TestDatabaseUrl::connect_to(&url).await;
    let beyond = database.accompany(Store::new(beyond, clock.shared())).await;
    let mut follower = at_end(&beyond).await;
    let position = write(&store, 3).await;
    assert_eq!(follow(&mut follower, position.seq).await, [1, 2, 3]);
    // The last read of the database. From now on it reads the stream.
    while follower.read_once().await.expect("a look") != FeedUpdate::Batches(Vec::new()) {}
    follower.wait().await;
    proxy.cut().await;
    let position = write(&store, 20).await;
    let seen = follow(&mut follower, position.seq).await;
    assert_eq!(seen, (4..=23).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_fails_or_is_deleted_loses_no_events() {
    let mut database = FeedDatabase::nats().await;
    let (store, _) = database.store(&["AAPL"]).await;
    let mut follower = at_end(&store).await;
    let mut seen = Vec::new();
    for loses in [false, true] {
        let position = write(&store, 5).await;
        seen.extend(follow(&mut follower, position.seq).await);
        database.nats.as_mut().expect("NATS").stop().await;
        let position = write(&store, 5).await;
        seen.extend(follow(&mut follower, position.seq).await);
        let nats = database.nats.as_mut().expect("NATS");
        if loses {
            nats.delete_data();
        }
        nats.resume().await;
        let position = write(&store, 5).await;
        seen.extend(follow(&mut follower, position.seq).await);
    }
    assert_eq!(seen, (1..=30).collect::<Vec<_>>(), "once each, in order");
    // The rows in the table are copied again.
    let copied = async {
        while entries(&database).await < 30 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, copied)
        .await
        .expect("copied in time");
    assert_eq!(entries(&database).await, 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_has_every_entry_once_with_concurrent_copies() {
    let mut database = FeedDatabase::nats().await;
    let (store, _) = database.store(&["AAPL"]).await;
    for _ in 0..3 {
        database.accompany(store.clone()).await;
    }
    let mut follower = at_end(&store).await;
    let position = write(&store, 100).await;
    let seen = follow(&mut follower, position.seq).await;
    assert_eq!(seen, (1..=100).collect::<Vec<_>>());
    let copied = async {
        while entries(&database).await < 100 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, copied)
        .await
        .expect("copied in time");
    // Four processes copied, and each entry was accepted once.
    write(&store, 1).await;
    follow(&mut follower, position.seq + 1).await;
    assert!(entries(&database).await <= 101);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_larger_than_a_nats_message_is_read_from_the_table() {
    let mut database = FeedDatabase::nats().await;
    let (store, _) = database.store(&["AAPL"]).await;
    let mut follower = at_end(&store).await;
    let long = "Name of a company ".repeat(60);
    let mut feed = FeedTransaction::begin(&store).await.expect("a turn");
    for index in 0..1200 {
        let new = symbol(&format!("L{index}"));
        track(&mut feed, &new, Some(long.clone()))
            .await
            .expect("track the stock");
    }
    let position = feed.commit().await.expect("commit");
    assert_eq!(position.seq, 1200);
    assert_eq!(follow(&mut follower, position.seq).await.len(), 1200);
    let position = write(&store, 2).await;
    assert_eq!(follow(&mut follower, position.seq).await, [1201, 1202]);
}
