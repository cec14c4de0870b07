//! Notifies tasks that wait for changes in the database (LISTEN and NOTIFY).
//!
//! Losing a notification only delays the waiting task until its next poll, at most a second later.
//! One about the feed may carry the new entry, so that followers need not read it from the table.

use std::{sync::Arc, time::Duration};

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::sync::{broadcast, watch};

use super::entry::FeedEntry;
use crate::Error;

/// How often a subscriber polls without a notification.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The number of entries that are kept for followers; one that is further behind reads the table.
const ENTRIES: usize = 16;
/// The maximum number of events of an entry that is kept. Larger ones are read from the table.
const MAX_EVENTS: usize = 256;

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The feed has grown.
    Feed,
    /// A request to the tracker was made or completed.
    Request,
}

impl Topic {
    pub(crate) const ALL: [Self; 2] = [Self::Feed, Self::Request];

    /// The channel of PostgreSQL's NOTIFY.
    pub(super) const fn channel(self) -> &'static str {
        match self {
            Self::Feed => "stock_tracker_feed",
            Self::Request => "stock_tracker_request",
        }
    }
}

/// The notification topics of this process. Other processes notify through PostgreSQL.
#[derive(Clone, Debug)]
pub struct Doorbell {
    feed: watch::Sender<()>,
    request: watch::Sender<()>,
    /// The notifications about the feed, each with its entry, if known.
    entries: broadcast::Sender<Option<Arc<FeedEntry>>>,
}

impl Doorbell {
    pub(crate) fn new() -> Self {
        Self {
            feed: watch::Sender::new(()),
            request: watch::Sender::new(()),
            entries: broadcast::Sender::new(ENTRIES),
        }
    }

    /// Wakes the subscribers in this process.
    pub fn ring(&self, topic: Topic) {
        self.sender(topic).send_replace(());
        if topic == Topic::Feed {
            // It fails if there are no followers.
            let _ = self.entries.send(None);
        }
    }

    /// Wakes the subscribers in this process and sends the followers a committed entry.
    pub(super) fn announce(&self, entry: FeedEntry) {
        if entry.batch.events.len() > MAX_EVENTS {
            return self.ring(Topic::Feed);
        }
        self.feed.send_replace(());
        let _ = self.entries.send(Some(Arc::new(entry)));
    }

    /// Subscribes to entries of the feed.
    pub(super) fn entries(&self) -> broadcast::Receiver<Option<Arc<FeedEntry>>> {
        self.entries.subscribe()
    }

    /// Wakes the other processes when the transaction of `connection` commits. Does nothing on
    /// SQLite, which has no other writers.
    pub async fn notify(connection: &impl ConnectionTrait, topic: Topic) -> Result<(), Error> {
        if connection.get_database_backend() == DbBackend::Postgres {
            let statement = Statement::from_sql_and_values(
                DbBackend::Postgres,
                "SELECT pg_notify($1, '')",
                [topic.channel().into()],
            );
            connection.query_one_raw(statement).await?;
        }
        Ok(())
    }

    /// Subscribes to a topic; notifications before the call are not delivered.
    pub fn subscribe(&self, topic: Topic) -> TopicSubscription {
        TopicSubscription(self.sender(topic).subscribe())
    }

    fn sender(&self, topic: Topic) -> &watch::Sender<()> {
        match topic {
            Topic::Feed => &self.feed,
            Topic::Request => &self.request,
        }
    }
}

/// A subscription to a topic.
#[derive(Debug)]
pub struct TopicSubscription(watch::Receiver<()>);

impl TopicSubscription {
    /// Waits for a notification, for at most a second. Read the database afterwards in either case.
    pub async fn notified(&mut self) {
        // The sender was dropped. Polling continues at the same interval.
        if let Ok(Err(_)) = tokio::time::timeout(POLL_INTERVAL, self.0.changed()).await {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}
