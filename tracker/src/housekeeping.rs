//! Keeps the database from growing for ever, and the months to come ready.
//!
//! One invariant: whoever writes prices waits for one small batch at the most. [`crate::Tracker`] runs it beside the
//! engine, under the same lease, so that one process does it at a time.

use std::time::Duration;

use sea_orm::DbErr;
use store::{
    Store,
    retention::{PruneCursor, Retention, create_partitions, prune_feed, prune_prices},
};

/// The longest time between two looks.
const LOOK: Duration = Duration::from_mins(1);
/// The shortest.
const CALM: Duration = Duration::from_secs(1);
/// Between two batches, for those who wait to write.
const BREATH: Duration = Duration::from_millis(20);

/// Keeps house for as long as it is polled.
pub(crate) async fn keep(store: &Store, retention: Retention) {
    // What is kept shortly is looked at often.
    let shorter = retention.ticks.min(retention.feed);
    let every = (shorter / 10).clamp(CALM, LOOK);
    loop {
        if let Err(error) = keep_once(store, retention).await {
            tracing::warn!(%error, "what is old could not be dropped");
        }
        tokio::time::sleep(every).await;
    }
}

/// Drops all that is old by now.
async fn keep_once(store: &Store, retention: Retention) -> Result<(), DbErr> {
    create_partitions(store).await?;
    while prune_feed(store, retention).await? {
        tokio::time::sleep(BREATH).await;
    }
    let mut looked = Some(PruneCursor::default());
    while let Some(from) = looked {
        looked = prune_prices(store, retention, from).await?;
        tokio::time::sleep(BREATH).await;
    }
    Ok(())
}
