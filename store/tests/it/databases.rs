//! Runs tests with every source of the feed: SQLite, PostgreSQL, and PostgreSQL with NATS.

use std::time::Duration;

use runtime::{clock::ManualClock, config::StreamUrl};
use store::{
    Store,
    feed::{FeedStream, Topic, relay_feed, relay_notifications},
};
use testkit::{TestDatabase, TestNats};
use tokio::task::JoinSet;

use crate::fixture;

/// How long the stream keeps its entries.
const KEPT: Duration = Duration::from_hours(1);

/// A database, and the NATS server of its feed.
pub(crate) struct FeedDatabase {
    pub(crate) database: TestDatabase,
    pub(crate) nats: Option<TestNats>,
    companions: JoinSet<()>,
}

impl FeedDatabase {
    pub(crate) async fn sqlite() -> Self {
        Self::of(TestDatabase::sqlite().await, None)
    }

    pub(crate) async fn postgresql() -> Self {
        Self::of(TestDatabase::postgres().await, None)
    }

    pub(crate) async fn nats() -> Self {
        let database = TestDatabase::postgres().await;
        Self::of(database, Some(TestNats::start().await))
    }

    fn of(database: TestDatabase, nats: Option<TestNats>) -> Self {
        Self {
            database,
            nats,
            companions: JoinSet::new(),
        }
    }

    /// Creates a seeded store that tracks `symbols`, with the background tasks of a process.
    pub(crate) async fn store(&mut self, symbols: &[&str]) -> (Store, ManualClock) {
        let (store, clock) = fixture::store(&self.database, symbols).await;
        (self.accompany(store).await, clock)
    }

    /// Creates the store of another process, with its own background tasks.
    pub(crate) async fn accompany(&mut self, store: Store) -> Store {
        let Some(nats) = &self.nats else { return store };
        let url = StreamUrl::parse(&nats.url()).expect("a URL");
        let stream = FeedStream::connect(&url, KEPT).await.expect("a connection");
        let store = store.with_stream(stream.clone());
        self.companions.spawn(relay_feed(store.clone(), stream));
        let ringing = store.clone();
        self.companions
            .spawn(async move { relay_notifications(ringing, &[Topic::Feed]).await });
        store
    }
}

/// Makes the tests `name::on_sqlite`, `name::on_postgresql` and `name::on_nats`.
macro_rules! on_every_feed {
    ($($(#[$meta:meta])* async fn $name:ident(mut $place:ident) $body:block)+) => {
        $(
            $(#[$meta])*
            async fn $name(mut $place: $crate::databases::FeedDatabase) $body

                // A module and a function may have the same name.
            mod $name {
                use crate::databases::FeedDatabase;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    super::$name(FeedDatabase::sqlite().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgresql() {
                    super::$name(FeedDatabase::postgresql().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_nats() {
                    super::$name(FeedDatabase::nats().await).await;
                }
            }
        )+
    };
}

pub(crate) use on_every_feed;
