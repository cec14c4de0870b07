//! Brings the bells of other processes into this one, over a PostgreSQL connection of its own.
//!
//! One invariant: whenever this may have missed a ring, it rings its bells itself.

use std::{io, time::Duration};

use sea_orm::sqlx::{
    Error, Executor, PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::time::timeout;

use super::{Bell, Doorbell};
use crate::Store;

/// How long to wait before connecting again.
const RETRY: Duration = Duration::from_millis(500);
/// After this long without a notification the connection is asked for a sign of life.
const SILENCE: Duration = Duration::from_secs(5);
/// How long it may take to show one.
const SIGN: Duration = Duration::from_secs(3);

/// Rings `bells` of `store` for as long as it is polled. Answers at once on SQLite, which nobody else writes to.
pub async fn relay_notifications(store: Store, bells: &[Bell]) {
    let Some(pool) = store.database.postgres_pool() else {
        return;
    };
    loop {
        if let Err(error) = relay_once(pool, &store.doorbell, bells).await {
            tracing::warn!(error = %error, "notifications of the database are cut off");
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn relay_once(pool: &PgPool, doorbell: &Doorbell, bells: &[Bell]) -> Result<(), Error> {
    let own = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(SIGN)
        .connect_lazy_with(pool.connect_options().as_ref().clone());
    let mut listener = PgListener::connect_with(&own).await?;
    let channels = bells.iter().map(|bell| bell.channel());
    within(SIGN, listener.listen_all(channels)).await?;
    loop {
        // What was committed before the connection listened.
        for bell in bells {
            doorbell.ring(*bell);
        }
        loop {
            match timeout(SILENCE, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => {
                    let channel = notification.channel();
                    let rung = bells.iter().find(|bell| bell.channel() == channel);
                    if let Some(bell) = rung {
                        doorbell.ring(*bell);
                    }
                }
                // The connection was lost and made again.
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(error),
                // Silence, or an end that is gone without a word.
                Err(_) => {
                    within(SIGN, listener.execute("SELECT 1")).await?;
                }
            }
        }
    }
}

async fn within<T>(
    limit: Duration,
    asking: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let asked = timeout(limit, asking).await;
    asked.unwrap_or_else(|_| Err(Error::Io(io::ErrorKind::TimedOut.into())))
}
