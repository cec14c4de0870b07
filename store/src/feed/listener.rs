//! Receives notifications of other processes, over a dedicated PostgreSQL connection.
//!
//! Whenever a notification may have been missed, all topics are notified. Entries of the feed that
//! their notification does not contain are read once, over the same connection, for all followers
//! of this process.

use std::time::Duration;

use entity::Position;
use sea_orm::sqlx::{
    Executor, PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::time::timeout;

use super::{Doorbell, Topic, entry::FeedEntry, table};
use crate::{Error, Store, with_timeout};

/// Delay before reconnecting.
const RECONNECT_DELAY: Duration = Duration::from_millis(500);
/// Time without a notification after which the connection is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
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
    let channels = topics.iter().map(|topic| topic.channel());
    with_timeout(TIMEOUT, listener.listen_all(channels)).await?;
    loop {
        let mut end = with_timeout(TIMEOUT, table::notified_end(&mut listener)).await?;
        // Notifications from before the connection was listening are lost.
        for topic in topics {
            doorbell.ring(*topic);
        }
        loop {
            match timeout(CHECK_INTERVAL, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => {
                    let channel = notification.channel();
                    match topics.iter().find(|topic| topic.channel() == channel) {
                        Some(Topic::Feed) => match FeedEntry::parse(notification.payload()) {
                            Some(entry) => {
                                end = entry.batch.end;
                                doorbell.announce(entry);
                            }
                            None => end = announce_after(&mut listener, doorbell, end).await?,
                        },
                        Some(topic) => doorbell.relay(*topic, notification.payload()),
                        None => {}
                    }
                }
                // The connection was lost and re-established.
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(error.into()),
                // No notification for a while: check whether the connection is still alive.
                Err(_) => {
                    with_timeout(TIMEOUT, listener.execute("SELECT 1")).await?;
                }
            }
        }
    }
}

/// Announces the entries after `position`, and returns the end of the feed. If they cannot be read
/// like this, the followers read the table.
async fn announce_after(
    listener: &mut PgListener,
    doorbell: &Doorbell,
    position: Position,
) -> Result<Position, Error> {
    let entries = table::notified_entries(listener, position);
    let Some(entries) = with_timeout(TIMEOUT, entries).await? else {
        let end = with_timeout(TIMEOUT, table::notified_end(listener)).await?;
        doorbell.ring(Topic::Feed);
        return Ok(end);
    };
    let end = entries.last().map_or(position, |entry| entry.batch.end);
    for entry in entries {
        doorbell.announce(entry);
    }
    Ok(end)
}
