//! Deletes expired prices, feed entries and deliveries, and creates the partitions of the coming
//! months.
//!
//! Works in small transactions, so that a writer waits for one batch at most. Runs under the lease,
//! so that one process does it at a time.

use std::time::Duration;

use runtime::config::RetentionSettings;
use store::{
    Store, delivery,
    retention::{PruneCursor, create_partitions, prune_feed, prune_prices},
};

/// Maximum interval between two runs.
const MAX_INTERVAL: Duration = Duration::from_mins(1);
/// Minimum interval between two runs.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// The pause between two batches, in which other writers can write.
const BATCH_PAUSE: Duration = Duration::from_millis(20);

/// Runs the maintenance periodically. Never returns.
pub(crate) async fn run(store: &Store, retention: RetentionSettings) {
    let shorter = retention.ticks.min(retention.feed);
    let interval = (shorter / 10).clamp(MIN_INTERVAL, MAX_INTERVAL);
    loop {
        if let Err(error) = run_once(store, retention).await {
            tracing::warn!(error = error.as_dyn(), "maintenance failed");
        }
        tokio::time::sleep(interval).await;
    }
}

/// Deletes everything that has expired.
async fn run_once(store: &Store, retention: RetentionSettings) -> Result<(), store::Error> {
    create_partitions(store).await?;
    while prune_feed(store, retention).await? {
        tokio::time::sleep(BATCH_PAUSE).await;
    }
    while delivery::prune(store, retention.deliveries).await? {
        tokio::time::sleep(BATCH_PAUSE).await;
    }
    let mut cursor = Some(PruneCursor::default());
    while let Some(from) = cursor {
        cursor = prune_prices(store, retention, from).await?;
        tokio::time::sleep(BATCH_PAUSE).await;
    }
    Ok(())
}
