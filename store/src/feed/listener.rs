//! Receives notifications of other processes, over a dedicated PostgreSQL connection.
//!
//! Whenever a notification may have been missed, all topics are notified. Entries of the feed that
//! their notification does not contain are read once, over the same connection, for all followers
//! of this process.

use std::time::Duration;

use entity::Position;
use sea_orm::sqlx::{
    Executor, PgPool,
    postgres::{PgListener, PgNotification, PgPoolOptions},
};
use tokio::time::{Instant, timeout_at};

use super::{Doorbell, Topic, entry::FeedEntry, table};
use crate::{Error, Store, with_timeout};

/// Delay before reconnecting.
const RECONNECT_DELAY: Duration = Duration::from_millis(500);
/// Time without a notification after which the connection is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Minimum time between two reads of entries. Under load, a read returns several.
const READ_INTERVAL: Duration = Duration::from_millis(5);
/// Timeout of connecting and of each request.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Relays notifications to `topics` of `store` while it is polled. Returns immediately on SQLite,
/// which has no other writers.
pub async fn relay_notifications(store: Store, topics: &[Topic]) {
    let Some(pool) = store.database.postgres_pool() else {
        return;
    };
    loop {
        if let Err(error) = relay_once(pool, &store.doorbell, topics).await {
            tracing::warn!(
                error = error.as_dyn(),
                "lost the connection for database notifications"
            );
        }
        tokio::time::sleep(RECONNECT_DELAY).await;
    }
}

async fn relay_once(pool: &PgPool, doorbell: &Doorbell, topics: &[Topic]) -> Result<(), Error> {
    let options = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(TIMEOUT)
        .connect_lazy_with(pool.connect_options().as_ref().clone());
    let mut listener = PgListener::connect_with(&options).await?;
    // Otherwise the deadline below can cancel a reconnect, which then goes unnoticed.
    listener.eager_reconnect(false);
    let channels = topics.iter().map(|topic| topic.channel());
    with_timeout(TIMEOUT, listener.listen_all(channels)).await?;
    loop {
        let end = with_timeout(TIMEOUT, table::notified_end(&mut listener)).await?;
        // Notifications from before the connection was listening are lost.
        for topic in topics {
            doorbell.ring(*topic);
        }
        let mut relay = Relay {
            doorbell,
            topics,
            end,
            has_unread: false,
            next_read: Instant::now(),
        };
        loop {
            let deadline = if relay.has_unread {
                relay.next_read
            } else {
                Instant::now() + CHECK_INTERVAL
            };
            match timeout_at(deadline, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => relay.notify(&notification),
                // The connection was lost. The next request connects again.
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(error.into()),
                Err(_) if relay.has_unread => relay.read(&mut listener).await?,
                // No notification for a while: check whether the connection is still alive.
                Err(_) => {
                    with_timeout(TIMEOUT, listener.execute("SELECT 1")).await?;
                }
            }
        }
    }
}

/// Passes notifications on to the doorbell, and reads the entries that they do not contain.
struct Relay<'a> {
    doorbell: &'a Doorbell,
    topics: &'a [Topic],
    /// The end of the feed that was passed on.
    end: Position,
    /// Whether there may be entries that were not passed on.
    has_unread: bool,
    /// When entries may be read again.
    next_read: Instant,
}

impl Relay<'_> {
    /// Passes a notification on. An entry that is to be read is left for [`read`](Self::read).
    fn notify(&mut self, notification: &PgNotification) {
        let (channel, payload) = (notification.channel(), notification.payload());
        match self.topics.iter().find(|topic| topic.channel() == channel) {
            Some(Topic::Feed) => match FeedEntry::parse(payload) {
                Some(entry) if entry.after == self.end => self.announce(entry),
                // It has no entry, or one after an unread one, or one that was read already.
                _ => self.has_unread = true,
            },
            Some(topic) => self.doorbell.relay(*topic, payload),
            None => {}
        }
    }

    fn announce(&mut self, entry: FeedEntry) {
        self.end = entry.batch.end;
        self.doorbell.announce(entry);
    }

    /// Announces the entries after the end that was passed on. If they cannot be read like this,
    /// the followers read the table.
    async fn read(&mut self, listener: &mut PgListener) -> Result<(), Error> {
        self.has_unread = false;
        let entries = table::notified_entries(listener, self.end);
        if let Some(entries) = with_timeout(TIMEOUT, entries).await? {
            for entry in entries {
                self.announce(entry);
            }
        } else {
            self.end = with_timeout(TIMEOUT, table::notified_end(listener)).await?;
            self.doorbell.ring(Topic::Feed);
        }
        self.next_read = Instant::now() + READ_INTERVAL;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::sqlx;
    use tokio::time::timeout;

    use super::{
        super::table::tests::{append, empty_feed, entry, position},
        *,
    };

    #[tokio::test]
    async fn entries_of_several_notifications_are_read_at_once() {
        let (_database, pool) = empty_feed().await;
        append(&pool, 0, 1).await;
        let mut listener = PgListener::connect_with(&pool).await.expect("a connection");
        let feed = Topic::Feed.channel();
        listener.listen(feed).await.expect("listening");
        let doorbell = Doorbell::new();
        let mut announced = doorbell.entries();
        let mut relay = Relay {
            doorbell: &doorbell,
            topics: &Topic::ALL,
            end: position(1),
            has_unread: false,
            next_read: Instant::now(),
        };
        for seq in 2..=4 {
            append(&pool, seq - 1, seq).await;
        }
        // The last one once more, with its entry.
        let events = serde_json::to_string(&entry(3, 4).batch.events).expect("JSON");
        let payload = FeedEntry::payload(position(3), position(4), &events);
        let again = sqlx::query("SELECT pg_notify($1, $2)");
        let again = again.bind(feed).bind(payload).execute(&pool).await;
        again.expect("a notification");

        for _ in 0..4 {
            let notification = listener.recv().await.expect("a notification");
            relay.notify(&notification);
        }
        assert!(relay.has_unread);
        assert!(announced.is_empty(), "it waits for those before it");
        let begun = Instant::now();
        relay.read(&mut listener).await.expect("a read");
        assert!(!relay.has_unread);
        assert!(relay.next_read >= begun + READ_INTERVAL);
        for seq in 2..=4 {
            let received = announced.try_recv().expect("an entry");
            assert_eq!(received.as_deref(), Some(&entry(seq - 1, seq)));
        }
        relay.read(&mut listener).await.expect("a read");
        assert!(announced.is_empty(), "each is announced once");
    }

    #[tokio::test]
    async fn followers_are_sent_entries_that_their_notification_does_not_contain() {
        let (_database, pool) = empty_feed().await;
        append(&pool, 0, 1).await;
        let doorbell = Doorbell::new();
        let mut announced = doorbell.entries();
        let relayed = relay_once(&pool, &doorbell, &[Topic::Feed]);
        let received = timeout(Duration::from_secs(30), async {
            let connected = announced.recv().await.expect("a notification");
            assert_eq!(connected, None);
            for seq in 2..20 {
                append(&pool, seq - 1, seq).await;
                let received = announced.recv().await.expect("a notification");
                assert_eq!(received.as_deref(), Some(&entry(seq - 1, seq)));
            }
        });
        tokio::select! {
            ended = relayed => panic!("lost the connection: {ended:?}"),
            received = received => received.expect("all entries"),
        }
    }
}
