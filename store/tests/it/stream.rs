//! The feed's stream: what it carries, and what becomes of followers when it fails.

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

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Follows until it has heard of everything up to `last`, whatever fails meanwhile; answers the events' places.
async fn follow(follower: &mut FeedFollower, last: i64) -> Vec<i64> {
    let mut told = Vec::new();
    let following = async {
        while told.last().is_none_or(|seq| *seq < last) {
            match follower.read_once().await {
                Ok(FeedUpdate::Batches(batches)) if batches.is_empty() => follower.wait().await,
                Ok(FeedUpdate::Batches(batches)) => {
                    let events = batches.iter().flat_map(|batch| &batch.events);
                    told.extend(events.map(Event::seq));
                }
                Ok(gone) => panic!("nothing was lost, and yet {gone:?}"),
                // The database is away; the stream may not be.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, following)
        .await
        .expect("it hears of everything");
    told
}

/// Stores `count` prices of a stock, a batch each.
async fn write(store: &Store, count: usize) -> Position {
    for _ in 0..count {
        record_now(store, 1).await;
    }
    end(store).await.expect("an end")
}

/// What the stream has.
async fn entries(database: &FeedDatabase) -> u64 {
    let url = database.nats.as_ref().expect("NATS").url();
    let client = async_nats::connect(url).await.expect("a connection");
    let name = format!("stock_tracker_feed_{:016x}", 7);
    let stream = jetstream::new(client).get_stream(name).await;
    // It may have to be made anew first.
    stream.map_or(0, |stream| stream.cached_info().state.messages)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_cannot_reach_the_database_hears_of_everything_through_the_stream() {
    let mut database = FeedDatabase::nats().await;
    let (store, clock) = database.store(&["AAPL"]).await;
    let (mut proxy, url) = FaultProxy::for_database(database.database.url().as_str()).await;
    let beyond = TestDatabaseUrl::connect_to(&url).await;
    let beyond = database.accompany(Store::new(beyond, clock.shared())).await;
    let mut follower = at_end(&beyond).await;
    let position = write(&store, 3).await;
    assert_eq!(follow(&mut follower, position.seq).await, [1, 2, 3]);
    // The last look at the database; from now on it listens.
    while follower.read_once().await.expect("a look") != FeedUpdate::Batches(Vec::new()) {}
    follower.wait().await;
    proxy.cut().await;
    let position = write(&store, 20).await;
    let told = follow(&mut follower, position.seq).await;
    assert_eq!(told, (4..=23).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_fails_or_is_lost_costs_no_follower_anything() {
    let mut database = FeedDatabase::nats().await;
    let (store, _) = database.store(&["AAPL"]).await;
    let mut follower = at_end(&store).await;
    let mut told = Vec::new();
    for loses in [false, true] {
        let position = write(&store, 5).await;
        told.extend(follow(&mut follower, position.seq).await);
        database.nats.as_mut().expect("NATS").stop().await;
        let position = write(&store, 5).await;
        told.extend(follow(&mut follower, position.seq).await);
        let nats = database.nats.as_mut().expect("NATS");
        if loses {
            nats.delete_data();
        }
        nats.resume().await;
        let position = write(&store, 5).await;
        told.extend(follow(&mut follower, position.seq).await);
    }
    assert_eq!(told, (1..=30).collect::<Vec<_>>(), "once each, in order");
    // What is kept in the table is copied again.
    let copied = async {
        while entries(&database).await < 30 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, copied)
        .await
        .expect("it is copied");
    assert_eq!(entries(&database).await, 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_copy_the_stream_has_everything_once() {
    let mut database = FeedDatabase::nats().await;
    let (store, _) = database.store(&["AAPL"]).await;
    for _ in 0..3 {
        database.accompany(store.clone()).await;
    }
    let mut follower = at_end(&store).await;
    let position = write(&store, 100).await;
    let told = follow(&mut follower, position.seq).await;
    assert_eq!(told, (1..=100).collect::<Vec<_>>());
    let copied = async {
        while entries(&database).await < 100 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, copied)
        .await
        .expect("it is copied");
    // Four copied, and each entry was taken once.
    write(&store, 1).await;
    follow(&mut follower, position.seq + 1).await;
    assert!(entries(&database).await <= 101);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_longer_than_nats_takes_is_read_from_the_table() {
    let mut database = FeedDatabase::nats().await;
    let (store, _) = database.store(&["AAPL"]).await;
    let mut follower = at_end(&store).await;
    let long = "Name of a company ".repeat(60);
    let mut feed = FeedTransaction::begin(&store).await.expect("a turn");
    for index in 0..1200 {
        let new = symbol(&format!("L{index}"));
        track(&mut feed, &new, Some(long.clone()))
            .await
            .expect("it is tracked");
    }
    let position = feed.commit().await.expect("it commits");
    assert_eq!(position.seq, 1200);
    assert_eq!(follow(&mut follower, position.seq).await.len(), 1200);
    let position = write(&store, 2).await;
    assert_eq!(follow(&mut follower, position.seq).await, [1201, 1202]);
}
