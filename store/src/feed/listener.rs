//! Brings the bells of other processes into this one, over a PostgreSQL connection of its own.
//!
//! One invariant: whenever this may have missed a ring, it rings every bell itself.

use std::time::Duration;

use sea_orm::sqlx::postgres::PgListener;

use super::{Bell, Doorbell};
use crate::Store;

/// How long to wait before connecting again.
const RETRY: Duration = Duration::from_millis(500);

/// Rings `store`'s bells for as long as it is polled. Answers at once on SQLite, which nobody else writes to.
pub async fn relay_notifications(store: Store) {
    let Some(pool) = store.database.postgres_pool() else {
        return;
    };
    loop {
        if let Err(error) = relay_once(pool, &store.doorbell).await {
            tracing::warn!(error = %error, "notifications of the database are cut off");
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn relay_once(
    pool: &sea_orm::sqlx::PgPool,
    doorbell: &Doorbell,
) -> Result<(), sea_orm::sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen_all(Bell::ALL.map(Bell::channel)).await?;
    loop {
        // What was committed before the connection listened.
        for bell in Bell::ALL {
            doorbell.ring(bell);
        }
        while let Some(notification) = listener.try_recv().await? {
            let rung = Bell::ALL
                .into_iter()
                .find(|bell| bell.channel() == notification.channel());
            if let Some(bell) = rung {
                doorbell.ring(bell);
            }
        }
    }
}
